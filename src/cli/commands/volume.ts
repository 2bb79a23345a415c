import type { Argv, CommandModule } from 'yargs';
import { formatBytes, formatDuration } from '../../protocol/units.js';
import type { VolumeInfo } from '../../protocol/volumes.js';
import { type AnyCommand, type Common, daemonCommand, eachOf, forEach, print } from '../command.js';
import { isConfirmed } from '../confirm.js';
import { EXIT } from '../exit-codes.js';
import { Table } from '../table.js';
import { withForce } from './prune.js';

const withNames = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', array: true, demandOption: true, describe: 'names of volumes' });

const create = daemonCommand(
  'create <name..>',
  'Make volumes; a container that names one makes it, too',
  (yargs) => withNames(yargs).example('$0 volume create data', 'then: niwa run -v data:/data'),
  (client, { name, json }) => forEach(name, json, (one) => client.createVolume(one)),
);

const ls = daemonCommand(
  'ls',
  'List volumes',
  (yargs) =>
    yargs
      .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print only names' })
      .option('size', { alias: 's', type: 'boolean', default: false, describe: 'count what they take on disk' })
      .example('$0 volume ls --size', ''),
  async (client, { quiet, size, json }) => {
    const volumes = await client.volumes({ size });
    print(json, volumes, () => (quiet ? volumes.map(({ name }) => name).join('\n') : volumeTable(volumes, Date.now())));
    return EXIT.ok;
  },
);

const inspect = daemonCommand(
  'inspect <name..>',
  'Show volumes: whose they are, who uses them, what they take on disk',
  (yargs) => withNames(yargs).example('$0 volume inspect data', ''),
  async (client, { name, json }) => {
    const { stringify } = await import('yaml');
    return await eachOf(name, json, async (one) => {
      const volume = await client.volume(one);
      print(json, volume, () => stringify(volume).trimEnd());
    });
  },
);

const rm = daemonCommand(
  'rm <name..>',
  'Remove volumes with their files; refused while a container, also an ended one, or a service names them',
  (yargs) => withNames(yargs).example('$0 volume rm data', ''),
  (client, { name, json }) =>
    forEach(name, json, async (one) => {
      await client.removeVolume(one);
      return { name: one };
    }),
);

const prune = daemonCommand(
  'prune',
  'Remove your volumes that no container, also no ended one, and no service names; as root those of all users',
  (yargs) => withForce(yargs).example('$0 volume prune', ''),
  async (client, { force, json }) => {
    if (!(await isConfirmed('all volumes that nothing uses, with their files', force))) return EXIT.failed;
    const pruned = await client.pruneVolumes();
    print(json, pruned, () => pruned.removed.join('\n'));
    return EXIT.ok;
  },
);

/** The commands of `niwa volume`. */
export const VOLUME_COMMANDS = [create, ls, inspect, rm, prune] as AnyCommand[];

export const volume: CommandModule<Common, Common> = {
  command: 'volume <command>',
  describe: 'Make, list and remove named volumes, in which containers keep files',
  builder: (yargs: Argv<Common>) =>
    VOLUME_COMMANDS.reduce((all, one) => all.command(one), yargs).demandCommand(1, 'Name a command of volume.'),
  handler: () => {},
};

function volumeTable(volumes: readonly VolumeInfo[], now: number): Table {
  const columns = [
    { heading: 'NAME', least: 12 },
    { heading: 'UID', right: true },
    { heading: 'SIZE', right: true },
    { heading: 'CREATED', spare: 1 },
    { heading: 'USED BY', least: 12 },
  ];
  const rows = volumes.map(({ name, uid, bytes, created_at, used_by }) => [
    name,
    String(uid),
    bytes === null ? '-' : formatBytes(bytes),
    `${formatDuration(Math.max(0, now - Date.parse(created_at)) * 1000)} ago`,
    used_by.join(', ') || '-',
  ]);
  return new Table(columns, rows);
}
