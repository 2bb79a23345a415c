import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { NiwaClient } from '../../client/client.js';
import { DEFAULT_CGROUP, DEFAULT_RUN_DIR } from '../../installation/defaults.js';
import { NiwaError } from '../../protocol/errors.js';
import type { Planned } from '../../protocol/plan.js';
import type { SpecInput } from '../../protocol/spec.js';
import { type Common, daemonCommand, print, tellWarnings } from '../command.js';
import { readSpecOrTemplate } from '../service-file.js';
import { specOf } from '../spec-file.js';
import { withSpec } from '../spec-options.js';

const withPlan = (yargs: Argv<Common>) =>
  withSpec(yargs)
    .positional('spec', {
      type: 'string',
      describe: 'a YAML or JSON file with the spec, or with a service; - for standard input',
    })
    .option('run-dir', {
      type: 'string',
      describe: `do not ask niwad: assume one with this run directory (${DEFAULT_RUN_DIR})`,
    })
    .option('cgroup', { type: 'string', describe: `do not ask niwad: assume one with this cgroup (${DEFAULT_CGROUP})` })
    .example('$0 plan spec.yaml', '')
    .example('$0 plan service.yaml', 'the template of a service')
    .example('$0 plan --memory 64M -- sleep 5', 'a spec from flags');

type PlanOptions = ArgumentsCamelCase<ReturnType<typeof withPlan> extends Argv<infer O> ? O : never>;

/**
 * Asks niwad for the plan, because niwad plans in the same way as it starts. If no niwad answers, the plan is made in
 * this process, with the default configuration of niwad.
 */
export const plan = daemonCommand(
  'plan [spec] [command..]',
  'Show the steps of a start without doing them',
  withPlan,
  async (client, args) => {
    const file = args.spec ?? args.file;
    const input = await specOf({ ...args, ...(file === undefined ? {} : { file }) }, readSpecOrTemplate);
    const asked = args.runDir === undefined && args.cgroup === undefined ? await askNiwad(client, input) : null;
    const planned = asked ?? (await planHere(input, args));
    const offline = asked === null;
    const { planText } = await import('../plan-text.js'); // loaded here because its imports take a while to load
    tellWarnings(planned);
    print(args.json, { offline, ...planned }, () => planText(planned, offline));
    return undefined;
  },
);

/** Gives null if no niwad answers. */
async function askNiwad(client: NiwaClient, input: SpecInput): Promise<Planned | null> {
  try {
    return await client.plan(input);
  } catch (error) {
    if (error instanceof NiwaError && error.code === 'DAEMON_UNREACHABLE') return null;
    throw error;
  }
}

async function planHere(input: SpecInput, { cgroup, runDir }: PlanOptions): Promise<Planned> {
  const { planOffline } = await import('../plan-offline.js');
  return planOffline(input, cgroup ?? DEFAULT_CGROUP, runDir ?? DEFAULT_RUN_DIR);
}
