import type { ContainerStatus } from '../../container/status.js';
import { formatBytes, formatDuration } from '../../spec/units.js';
import { daemonCommand, print, withId } from '../command.js';
import { table } from '../table.js';
import { cut, plain } from '../text.js';

const COMMAND_WIDTH = 40;

export const ps = daemonCommand(
  'ps',
  'List containers',
  (yargs) =>
    yargs
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'also those that have exited' })
      .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'only ids' })
      .option('owner', { type: 'string', describe: 'only those of this owner' })
      .option('label', { alias: 'l', type: 'string', describe: 'only those with NAME=VALUE' })
      .example('$0 ps -a --owner alice', ''),
  async (client, { all, quiet, owner, label, json }) => {
    const filter = { ...(owner === undefined ? {} : { owner }), ...(label === undefined ? {} : { label }) };
    const listed = (await client.list(filter)).filter(({ state }) => all || state !== 'exited');
    const words = () => (quiet ? listed.map(({ id }) => id).join('\n') : psTable(listed, Date.now()));
    print(json, listed, words);
  },
);

export const inspect = daemonCommand(
  'inspect <id>',
  'Show everything about a container',
  (yargs) => withId(yargs).example('$0 inspect web --json', ''),
  async (client, { id, json }) => {
    const status = await client.inspect(id);
    const { stringify } = await import('yaml');
    print(json, status, () => stringify(status).trimEnd());
  },
);

/** Lays out containers; `now` in milliseconds since 1970. */
export function psTable(listed: ContainerStatus[], now: number): string {
  const headings = ['ID', 'STATE', 'AGE', 'LEFT', 'CPU TIME', 'MEMORY', 'OWNER', 'COMMAND'];
  const rows = listed.map(({ id, state, ready, created_at, deadline_at, exit, usage, spec }) => [
    id,
    exit === null ? (state === 'running' && ready?.state === 'ready' ? 'ready' : state) : `${state} (${exit.reason})`,
    formatDuration((now - Date.parse(created_at)) * 1000),
    deadline_at === null || exit !== null ? '-' : formatDuration(Math.max(0, Date.parse(deadline_at) - now) * 1000),
    usage.cpu.usage_usec === null ? '-' : `${(usage.cpu.usage_usec / 1e6).toFixed(2)}s`,
    usage.memory?.current == null ? '-' : formatBytes(usage.memory.current),
    plain(spec.owner ?? '-'),
    cut(plain(spec.process.args.join(' ').replaceAll(/\s+/g, ' ')), COMMAND_WIDTH),
  ]);
  return table(headings, rows, [2, 3, 4, 5]);
}
