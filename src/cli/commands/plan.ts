import { resolve } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { lookAtCgroupTree } from '../../host/cgroup.js';
import { resolveDevices } from '../../host/devices.js';
import { describeEnd, makePlan, planSteps } from '../../plan/plan.js';
import { parseSpec } from '../../spec/spec.js';
import { type Common, fail, print, wordsAfterDashes } from '../command.js';
import { statusOfError } from '../exit-codes.js';
import { toSpec, withSpec } from '../spec-options.js';

const withPlan = (yargs: Argv<Common>) =>
  withSpec(yargs)
    .positional('spec', { type: 'string', describe: 'a spec as YAML or JSON, - for standard input' })
    .option('run-dir', { type: 'string', default: '/run/niwa', describe: "the daemon's run directory" })
    .option('cgroup', { type: 'string', default: 'niwa', describe: "the daemon's group" })
    .example('$0 plan spec.yaml', '')
    .example('$0 plan --memory 64M -- sleep 5', 'from flags');

type PlanOptions = ReturnType<typeof withPlan> extends Argv<infer O> ? O : never;

/** Needs no daemon: a plan is a pure function of the spec and the host. */
export const plan: CommandModule<Common, PlanOptions> = {
  command: 'plan [spec]',
  describe: 'Show what a start would do, step by step, without doing it',
  builder: withPlan,
  handler: (args) => {
    try {
      const file = args.spec ?? args.file;
      const input = toSpec({ ...args, ...(file === undefined ? {} : { file }), command: [] }, wordsAfterDashes);
      const spec = parseSpec(input, 'ID');
      const { containers, controllers } = lookAtCgroupTree(args.cgroup);
      const made = makePlan(spec, {
        containersCgroup: containers,
        controllers,
        stage: resolve(args.runDir, 'stage'),
        devices: resolveDevices(spec.resources.io),
      });
      const steps = planSteps(made);
      print(args.json, { spec, plan: made, steps }, () =>
        [
          ...steps.map(({ phase, text }, i) => `${String(i + 1).padStart(3)}  ${phase.padEnd(5)}  ${text}`),
          `     end    ${describeEnd(spec)}`,
        ].join('\n'),
      );
    } catch (error) {
      process.exitCode = fail(error, args.json, statusOfError);
    }
  },
};
