import type { Argv, CommandModule } from 'yargs';
import type { PoolStatus, PoolTemplateInput } from '../../protocol/pools.js';
import { formatDuration } from '../../protocol/units.js';
import { tellStarted, withBackground } from '../background.js';
import { type AnyCommand, askAll, type Common, daemonCommand, forEach, print, tellWarnings } from '../command.js';
import { printDocuments } from '../documents.js';
import { EXIT, statusOfFailedRun } from '../exit-codes.js';
import { readSpecFile } from '../spec-file.js';
import { Table } from '../table.js';
import { toCount } from '../values.js';
import { inForeground } from './run.js';

const withName = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', demandOption: true, describe: 'the name of a pool' });
const withNames = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', array: true, demandOption: true, describe: 'names of pools' });

const create = daemonCommand(
  'create <name>',
  'Create a pool, or change it: so many containers of a spec are made ahead, and wait for `niwa pool run`',
  (yargs) =>
    withName(yargs)
      .option('file', {
        alias: 'f',
        type: 'string',
        describe: 'the spec of the containers as YAML or JSON, without an id (- for standard input)',
      })
      .option('image', { type: 'string', describe: 'the image to run; without -f the rest is as the image says' })
      .option('ahead', { type: 'string', default: '1', describe: 'how many containers are ready' })
      .example('$0 pool create jobs -f spec.yaml --ahead 4', 'four containers wait')
      .example('$0 pool create jobs --image job:1.2', 'one container of an image waits'),
  async (client, { name, file, image, ahead, json }) => {
    const spec: PoolTemplateInput = file === undefined ? {} : await readSpecFile(file);
    const template = image === undefined ? spec : { ...spec, root: { ...spec.root, image } };
    const status = await client.createPool({ name, ahead: toCount('--ahead', ahead, 1), template });
    print(json, status, () => status.name);
    return EXIT.ok;
  },
);

const ls = {
  ...daemonCommand(
    'ls',
    'List your pools; as root those of all users',
    (yargs) =>
      yargs
        .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print only names' })
        .example('$0 pool ls', ''),
    async (client, { quiet, json }) => {
      const pools = await client.pools();
      print(json, pools, () => (quiet ? pools.map(({ name }) => name).join('\n') : poolTable(pools, Date.now())));
      return EXIT.ok;
    },
  ),
  aliases: ['list'],
};

const inspect = daemonCommand(
  'inspect <name..>',
  'Show pools: how many containers are ready, how many starts took one, and the spec',
  (yargs) => withNames(yargs).example('$0 pool inspect jobs', ''),
  async (client, { name, json }) => {
    const { answers, status } = await askAll(name, json, (one) => client.pool(one));
    await printDocuments(json, answers);
    return status;
  },
);

const rm = daemonCommand(
  'rm <name..>',
  'Remove pools and what they have ready; containers that were started go on',
  (yargs) => withNames(yargs).example('$0 pool rm jobs', ''),
  (client, { name, json }) =>
    forEach(name, json, async (one) => {
      await client.removePool(one);
      return { name: one };
    }),
);

const run = daemonCommand(
  'run <name>',
  'Start a container of a pool, show its output, and exit with its exit status',
  (yargs) =>
    withBackground(withName(yargs)).example('$0 pool run jobs', '').example('$0 pool run -d jobs', 'in the background'),
  async (client, { name, detach, waitReady, json }) => {
    const status = await client.startFromPool(name, waitReady ? { ready: true } : {});
    if (detach || waitReady) return tellStarted(status, { waitReady, json });
    tellWarnings(status);
    return await inForeground(client, status.id, async () => {});
  },
  statusOfFailedRun,
);

/** The commands of `niwa pool`. */
export const POOL_COMMANDS = [create, ls, inspect, rm, run] as AnyCommand[];

export const pool: CommandModule<Common, Common> = {
  command: 'pool <command>',
  describe: 'Keep containers ready that were made ahead, and start them',
  builder: (yargs: Argv<Common>) =>
    POOL_COMMANDS.reduce((all, one) => all.command(one), yargs).demandCommand(1, 'Name a command of pool.'),
  handler: () => {},
};

/** Makes the table of pools. @param now in milliseconds since 1970 */
export function poolTable(pools: readonly PoolStatus[], now: number): Table {
  const columns = [
    { heading: 'NAME', least: 12 },
    { heading: 'READY', right: true },
    { heading: 'TAKEN', right: true },
    { heading: 'MISSED', right: true },
    { heading: 'UID', right: true },
    { heading: 'CREATED', spare: 1 },
    { heading: 'LAST FAILURE', least: 12 },
  ];
  const rows = pools.map(({ name, wanted, ready, taken, missed, uid, created_at, last_failure }) => [
    name,
    `${ready}/${wanted}`,
    ...[taken, missed, uid].map(String),
    `${formatDuration(Math.max(0, now - Date.parse(created_at)) * 1000)} ago`,
    last_failure?.message ?? '-',
  ]);
  return new Table(columns, rows);
}
