import type { ContainerStatus } from '../../protocol/container.js';
import { formatBytes, formatDuration } from '../../protocol/units.js';
import { daemonCommand, print, printArray, withFilter, withId } from '../command.js';
import { table } from '../table.js';
import { cut, plain } from '../text.js';

const COMMAND_WIDTH = 40;
/** The fields of a status that a row shows. */
const SHOWN = ['id', 'state', 'ready', 'created_at', 'deadline_at', 'exit', 'usage', 'spec'] as const;
type Shown = Pick<ContainerStatus, (typeof SHOWN)[number]>;

export const ps = daemonCommand(
  'ps',
  'List containers',
  (yargs) =>
    withFilter(yargs)
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'also exited containers' })
      .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print only ids' })
      .example('$0 ps -a --owner alice', '')
      .example('$0 ps --service shop', 'the instances of a service')
      .example('$0 ps -l tier=front -l job=42', 'containers with both labels'),
  async (client, { all, quiet, owner, service, label, json }) => {
    const filter = { owner, service, label, ...(all ? {} : { state: 'live' as const }) };
    if (json) await printArray(client.containers(filter));
    else if (quiet) for await (const { id } of client.containers(filter, ['id'])) process.stdout.write(`${id}\n`);
    else process.stdout.write(`${await psTable(client.containers(filter, SHOWN), Date.now())}\n`);
  },
);

export const inspect = daemonCommand(
  'inspect <id>',
  'Show the full status of a container',
  (yargs) => withId(yargs).example('$0 inspect web --json', ''),
  async (client, { id, json }) => {
    const status = await client.inspect(id);
    const { stringify } = await import('yaml');
    print(json, status, () => stringify(status).trimEnd());
  },
);

/** Makes the table of containers; `now` in milliseconds since 1970. */
async function psTable(listed: AsyncIterable<Shown>, now: number): Promise<string> {
  const headings = ['ID', 'STATE', 'AGE', 'LEFT', 'CPU TIME', 'MEMORY', 'OWNER', 'COMMAND'];
  const rows: string[][] = [];
  for await (const container of listed) rows.push(psRow(container, now));
  return table(headings, rows, [2, 3, 4, 5]);
}

function psRow({ id, state, ready, created_at, deadline_at, exit, usage, spec }: Shown, now: number): string[] {
  return [
    id,
    exit === null ? (state === 'running' && ready?.state === 'ready' ? 'ready' : state) : `${state} (${exit.reason})`,
    formatDuration((now - Date.parse(created_at)) * 1000),
    deadline_at === null || exit !== null ? '-' : formatDuration(Math.max(0, Date.parse(deadline_at) - now) * 1000),
    usage.cpu.usage_usec === null ? '-' : `${(usage.cpu.usage_usec / 1e6).toFixed(2)}s`,
    usage.memory?.current == null ? '-' : formatBytes(usage.memory.current),
    plain(spec.owner ?? '-'),
    cut(plain(spec.process.args.join(' ').replaceAll(/\s+/g, ' ')), COMMAND_WIDTH),
  ];
}
