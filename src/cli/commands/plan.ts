import type { Argv, CommandModule } from 'yargs';
import { DEFAULT_CGROUP, DEFAULT_RUN_DIR } from '../../paths.js';
import { type Common, fail, print, tellWarnings, withOneValueEach } from '../command.js';
import { statusOfError } from '../exit-codes.js';
import { specOf } from '../spec-file.js';
import { withSpec } from '../spec-options.js';

const withPlan = (yargs: Argv<Common>) =>
  withOneValueEach(
    withSpec(yargs)
      .positional('spec', { type: 'string', describe: 'a spec as YAML or JSON, - for standard input' })
      .option('run-dir', { type: 'string', default: DEFAULT_RUN_DIR, describe: "the daemon's run directory" })
      .option('cgroup', { type: 'string', default: DEFAULT_CGROUP, describe: "the daemon's group" })
      .example('$0 plan spec.yaml', '')
      .example('$0 plan --memory 64M -- sleep 5', 'from flags'),
  );

type PlanOptions = ReturnType<typeof withPlan> extends Argv<infer O> ? O : never;

/** Needs no daemon: a plan is a pure function of the spec and the host. */
export const plan: CommandModule<Common, PlanOptions> = {
  command: 'plan [spec] [command..]',
  describe: 'Show what a start would do, step by step, without doing it',
  builder: withPlan,
  handler: async (args) => {
    try {
      const file = args.spec ?? args.file;
      const input = await specOf({ ...args, ...(file === undefined ? {} : { file }) });
      const { planHere, planText } = await import('../plan-text.js'); // the schema behind it takes a while to load
      const planned = await planHere(input, args.cgroup, args.runDir);
      tellWarnings(planned);
      print(args.json, planned, () => planText(planned));
    } catch (error) {
      process.exitCode = fail(error, args.json, statusOfError);
    }
  },
};
