import type { ContainerStatus } from '../protocol/container.js';
import { formatBytes, formatDuration } from '../protocol/units.js';
import { networkWords, portText } from './network-text.js';
import { stateCell } from './states.js';
import { type Cell, type Column, Table } from './table.js';
import { cut, plain } from './text.js';

const COMMAND_WIDTH = 40;

/** The fields of a status that a row shows. */
export const SHOWN = [
  'id',
  'state',
  'ready',
  'ready_made',
  'created_at',
  'deadline_at',
  'exit',
  'restarts',
  'usage',
  'network',
  'image',
  'oci',
  'spec',
] as const;
type Shown = Pick<ContainerStatus, (typeof SHOWN)[number]>;

interface ShownColumn extends Column {
  cell(container: Shown, now: number): Cell;
  /** Whether only the wide table has it. */
  wide?: boolean;
}

const COLUMNS: ShownColumn[] = [
  { heading: 'ID', cell: ({ id }) => id },
  { heading: 'STATE', cell: stateCell },
  { heading: 'AGE', right: true, spare: 1, cell: ({ created_at }, now) => sinceText(now - Date.parse(created_at)) },
  { heading: 'LEFT', right: true, spare: 2, cell: leftText },
  { heading: 'CPU TIME', right: true, spare: 3, cell: ({ usage }) => secondsText(usage.cpu.usage_usec) },
  {
    heading: 'MEMORY',
    right: true,
    spare: 4,
    cell: ({ usage }) => (usage.memory?.current == null ? '-' : formatBytes(usage.memory.current)),
  },
  { heading: 'OWNER', least: 8, spare: 5, cell: ({ spec }) => spec.owner ?? '-' },
  { heading: 'SERVICE', wide: true, cell: ({ spec }) => spec.service?.name ?? '-' },
  { heading: 'IMAGE', least: 12, wide: true, cell: ({ image }) => image?.name ?? '-' },
  { heading: 'NETWORK', wide: true, cell: (container) => networkWords(container).join(' ') },
  { heading: 'ADDRESS', wide: true, cell: ({ network }) => network?.address ?? '-' },
  { heading: 'PORTS', least: 12, wide: true, cell: portsText },
];

/**
 * Makes the table of containers.
 * @param now in milliseconds since 1970
 * @param wide also their services, images, networks and the ids of their engines; a wide table leaves no column out
 * @param whole whether commands are written whole, and nothing is cut or left out
 */
export function psTable(containers: readonly Shown[], now: number, { wide = false, whole = false } = {}): Table {
  const columns = [
    ...COLUMNS.filter((column) => wide || !column.wide),
    ...(wide ? [engineColumn(whole)] : []),
    commandColumn(whole),
  ].map(({ least, spare, ...column }) => ({
    ...column,
    ...(whole || least === undefined ? {} : { least }),
    ...(whole || wide || spare === undefined ? {} : { spare }),
  }));
  const rows = containers.map((container) => columns.map(({ cell }) => cell(container, now)));
  return new Table(columns, rows);
}

/** What the engine calls the container that has made it: a random id as `podman ps` and `docker ps` show it. */
function engineColumn(whole: boolean): ShownColumn {
  const shown = (id: string) => (!whole && /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id);
  return { heading: 'ENGINE ID', cell: ({ oci }) => (oci === undefined ? '-' : shown(oci.id)) };
}

function commandColumn(whole: boolean): ShownColumn {
  const words = ({ spec }: Shown) => plain(spec.process.args.join(' ').replaceAll(/\s+/g, ' '));
  return { heading: 'COMMAND', least: 10, cell: (of) => (whole ? words(of) : cut(words(of), COMMAND_WIDTH)) };
}

function sinceText(milliseconds: number): string {
  return formatDuration(Math.max(0, milliseconds) * 1000);
}

function leftText({ deadline_at, exit }: Shown, now: number): string {
  return deadline_at === null || exit !== null ? '-' : sinceText(Date.parse(deadline_at) - now);
}

function secondsText(usec: number | null): string {
  return usec === null ? '-' : `${(usec / 1e6).toFixed(2)}s`;
}

function portsText({ spec: { network } }: Shown): string {
  const ports = network?.ports ?? [];
  return ports.length === 0 ? '-' : ports.map(portText).join(', ');
}
