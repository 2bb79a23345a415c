import { cut, pad, plain, widthOf } from '../text.js';
import { figure, greatest, percent, shortBytes, shortTime } from './figures.js';
import { type Span, type Style, span } from './line.js';
import type { SortKey } from './order.js';
import { type Figures, figuresOf, type Row } from './row.js';
import { ASCII_LEVELS, BLOCKS, sparkline } from './sparkline.js';

/** A cell: its text in several lengths, the longest first, of which the first that fits is shown; and its style. */
interface Cell {
  texts: string[];
  style?: Style;
}

interface Column {
  heading: string[];
  right?: boolean;
  sort?: SortKey;
  cell(row: Row, figures: Figures, width: number, unicode: boolean): Cell;
}

export type ColumnName = keyof typeof COLUMNS;
export type Widths = ReadonlyMap<ColumnName, number>;

const bytes = (value: number | null): Cell => ({ texts: [figure(value, shortBytes)] });

/** All columns, from left to right. */
const COLUMNS = {
  id: { heading: ['ID'], sort: 'id', cell: (row) => ({ texts: [nameOf(row)] }) },
  state: { heading: ['STATE', 'S'], cell: stateCell },
  cpu: { heading: ['CPU%/MAX', 'CPU%'], right: true, sort: 'cpu', cell: (_row, figures) => cpuCell(figures) },
  throttled: {
    heading: ['THR%'],
    right: true,
    sort: 'throttled',
    cell: (_row, { throttled }) => ({
      texts: [figure(throttled, percent)],
      style: graded(throttled, 0.05, 0.25),
    }),
  },
  trend: {
    heading: ['CPU TREND', 'TREND'],
    cell: ({ cpuHistory }, { cpuMax }, width, unicode) => ({
      texts: [sparkline(cpuHistory, width, cpuScale(cpuHistory, cpuMax), unicode ? BLOCKS : ASCII_LEVELS)],
    }),
  },
  memory: { heading: ['MEM/MAX', 'MEM'], right: true, sort: 'memory', cell: (_row, figures) => memoryCell(figures) },
  read: { heading: ['RD/s'], right: true, sort: 'io', cell: (_row, { readPerSecond }) => bytes(readPerSecond) },
  written: {
    heading: ['WR/s'],
    right: true,
    sort: 'io',
    cell: (_row, { writtenPerSecond }) => bytes(writtenPerSecond),
  },
  received: {
    heading: ['RX/s'],
    right: true,
    sort: 'network',
    cell: (_row, figures) => bytes(figures.receivedPerSecond),
  },
  sent: { heading: ['TX/s'], right: true, sort: 'network', cell: (_row, figures) => bytes(figures.sentPerSecond) },
  pressure: {
    heading: ['PSI c/m/i', 'PSI%'],
    right: true,
    sort: 'pressure',
    cell: (_row, figures) => pressureCell(figures),
  },
  left: {
    heading: ['LEFT'],
    right: true,
    sort: 'left',
    cell: ({ endedAt }, { leftMs }) => ({
      texts: [endedAt === null ? figure(leftMs, shortTime) : 'ended'],
      style: leftMs !== null && leftMs < 60_000 ? 'warning' : 'plain',
    }),
  },
  owner: { heading: ['OWNER'], cell: (row) => ({ texts: [plain(ownerOf(row) ?? '-')] }) },
  command: { heading: ['COMMAND'], cell: (row) => ({ texts: [wordsOf(row)] }) },
} satisfies Record<string, Column>;

const NAMES = Object.keys(COLUMNS) as ColumnName[];
const column = (name: ColumnName): Column => COLUMNS[name];

/** The order in which columns get space, each up to the given width. */
const STEPS: readonly [ColumnName, number][] = [
  ['id', 10],
  ['cpu', 8],
  ['left', 6],
  ['memory', 9],
  ['state', 1],
  ['throttled', 4],
  ['read', 4],
  ['written', 4],
  ['received', 4],
  ['sent', 4],
  ['pressure', 4],
  ['trend', 5],
  ['id', 12],
  ['trend', 8],
  ['pressure', 9],
  ['id', 16],
  ['owner', 8],
  ['state', 8],
  ['state', 11],
  ['trend', 12],
  ['id', 24],
  ['owner', 16],
  ['command', 20],
  ['trend', 20],
  ['id', 64],
  ['owner', 32],
  ['command', 60],
];
/** Columns that are useful at any width; all other columns are shown at their full width or not at all. */
const ELASTIC: readonly ColumnName[] = ['id', 'trend', 'owner', 'command'];

/**
 * Decides the width of each column. All columns, with a space between two, fit into `room`. A column for which no row
 * has a value is left out.
 * @param room the number of terminal columns; Infinity for no limit
 */
export function layOut(rows: readonly Row[], room: number): Widths {
  const widths = new Map<ColumnName, number>();
  const most = widestOf(rows);
  let left = room + 1;
  for (const [name, width] of STEPS) {
    const now = widths.get(name) ?? 0;
    const space = now === 0 ? 1 : 0;
    const wanted = Math.min(width, most[name] ?? width);
    const granted = ELASTIC.includes(name) && now > 0 ? Math.min(wanted, now + left) : wanted;
    if (granted <= now || granted - now + space > left) continue;
    widths.set(name, granted);
    left -= granted - now + space;
  }
  return new Map(NAMES.flatMap((name) => (widths.has(name) ? [[name, widths.get(name) ?? 0] as const] : [])));
}

/** Gives the largest useful width of columns; 0 if no row has a value for the column. */
function widestOf(rows: readonly Row[]): Partial<Record<ColumnName, number>> {
  const network = rows.some((row) => {
    const { receivedPerSecond, sentPerSecond } = figuresOf(row, 0);
    return receivedPerSecond !== null || sentPerSecond !== null;
  });
  const widest = (texts: string[], heading: number) =>
    texts.reduce((most, text) => Math.max(most, widthOf(text)), heading);
  const owned = rows.some((row) => ownerOf(row) !== null);
  return {
    id: rows.reduce((most, row) => Math.max(most, nameOf(row).length), 10),
    owner: owned
      ? widest(
          rows.map((row) => plain(ownerOf(row) ?? '-')),
          5,
        )
      : 0,
    command: widest(rows.map(wordsOf), 7),
    ...(network ? {} : { received: 0, sent: 0 }),
  };
}

/** Gives the line of headings; the heading of the sorted column has a style of its own. */
export function headings(widths: Widths, sort: SortKey): Span[] {
  return joined(
    widths,
    (name, width) => {
      const { heading, right = false, sort: sortedBy } = column(name);
      return span(pad(fitting(heading, width), width, right), sortedBy === sort ? 'sorted' : 'heading');
    },
    'heading',
  );
}

/** Gives the line of a row; `now` in milliseconds since 1970. */
export function rowLine(row: Row, widths: Widths, now: number, unicode: boolean): Span[] {
  const figures = figuresOf(row, now);
  return joined(widths, (name, width) => {
    const { cell, right = false } = column(name);
    const { texts, style = 'plain' } = cell(row, figures, width, unicode);
    const text = pad(fitting(texts, width, unicode ? '…' : '~'), width, right);
    return span(text, row.endedAt === null ? style : 'dim');
  });
}

/** Joins the cells of a line, with a space between two. */
function joined(widths: Widths, cell: (name: ColumnName, width: number) => Span, between: Style = 'plain'): Span[] {
  const cells = [...widths].map(([name, width]) => cell(name, width));
  return cells.flatMap((one, i) => (i === 0 ? [one] : [span(' ', between), one]));
}

function fitting(texts: string[], width: number, mark?: string): string {
  const fits = texts.find((text) => widthOf(text) <= width);
  return fits ?? cut(texts.at(-1) ?? '', width, mark);
}

/**
 * Gives the CPU value of the highest mark in a container's sparkline: the container's limit; without a limit, one
 * processor or the highest value in the history.
 */
export function cpuScale(history: readonly (number | null)[], cpuMax: number | null): number {
  return cpuMax ?? Math.max(1, greatest(...history) ?? 0);
}

function cpuCell({ cpu, cpuMax }: Figures): Cell {
  const used = figure(cpu, percent);
  const style = graded(cpu === null || cpuMax === null ? null : cpu / cpuMax, 0.9, 2);
  return { texts: cpuMax === null ? [used] : [`${used}/${percent(cpuMax)}`, used], style };
}

function memoryCell({ memoryBytes, memoryMaxBytes }: Figures): Cell {
  const used = figure(memoryBytes, shortBytes);
  const part = memoryBytes === null || memoryMaxBytes === null ? null : memoryBytes / memoryMaxBytes;
  return {
    texts: memoryMaxBytes === null ? [used] : [`${used}/${shortBytes(memoryMaxBytes)}`, used],
    style: graded(part, 0.8, 0.95),
  };
}

function pressureCell({ pressure: { cpu, memory, io } }: Figures): Cell {
  const most = greatest(cpu, memory, io);
  const whole = (value: number | null) => figure(value, (known) => String(Math.round(known)));
  const all = [cpu, memory, io].map(whole).join('/');
  return { texts: [most === null ? '-' : all, whole(most)], style: graded(most, 10, 40) };
}

function graded(value: number | null, warning: number, alarm: number): Style {
  if (value === null || value < warning) return 'plain';
  return value < alarm ? 'warning' : 'alarm';
}

/** Instances are indented below their service. */
function nameOf({ id, status }: Row): string {
  return status?.spec.service == null ? id : `  ${id}`;
}

function ownerOf({ status, service }: Row): string | null {
  return (service ?? status?.spec)?.owner ?? null;
}

/** The command of a container, or the addresses of a service. */
function wordsOf({ status, service }: Row): string {
  return service === null ? commandOf(status) : service.listen.join(' ');
}

/** Of a service: its state, the instances that are routed, and its slots. */
function stateCell({ state, exit, service }: Row): Cell {
  if (service !== null) {
    const routed = service.instances.filter(({ phase }) => phase === 'routed').length;
    const words = `${routed}/${service.slots} ${service.state}`;
    return { texts: [words, service.state.charAt(0)], style: service.state === 'failing' ? 'alarm' : 'plain' };
  }
  return {
    texts: [exit?.reason ?? state, state === 'exited' ? 'X' : state.charAt(0).toUpperCase()],
    style: state === 'running' ? 'plain' : 'warning',
  };
}

/** Gives the command of a container on one line. */
export function commandOf(status: Row['status']): string {
  return plain((status?.spec.process.args ?? ['-']).join(' ').replaceAll(/\s+/g, ' '));
}
