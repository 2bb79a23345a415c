import type { ContainerStatus } from '../../protocol/container.js';
import type { RuntimeEvent } from '../../protocol/events.js';
import type { DrainStatus } from '../../protocol/host.js';
import type { ServiceStatus } from '../../protocol/services.js';
import type { Stats } from '../../protocol/stats.js';
import type { HistoryPoint } from '../../protocol/usage.js';
import { tableHeight } from './layout.js';
import { type Order, ordered } from './order.js';
import { type Row, readRow } from './row.js';

/** How long a container is shown after its end. */
const ENDED_SHOWN_MS = 5000;

/** The size of the terminal, and whether it can show Unicode. */
export interface Screen {
  columns: number;
  rows: number;
  unicode: boolean;
}

export interface Host {
  name: string;
  processors: number;
  memoryBytes: number;
}

/** All data of top, as a value. */
export interface Model extends Order {
  host: Host;
  screen: Screen;
  /** Milliseconds since 1970. */
  now: number;
  version: string | null;
  draining: boolean;
  /** The time since which niwad has not answered; null while it answers. */
  lostSince: number | null;
  rows: ReadonlyMap<string, Row>;
  statuses: ReadonlyMap<string, ContainerStatus>;
  services: readonly ServiceStatus[];
  /** The rows that match the filter, sorted, with those of services above their instances. */
  shown: readonly Row[];
  /** The id of the selected row; null if the user has not selected any. */
  selected: string | null;
  /** The number of rows above the first row on the screen. */
  offset: number;
  paused: boolean;
  page: 'table' | 'details' | 'help';
  /** Whether keys are typed into the filter. */
  typing: boolean;
  /** The history of the selected container while its details are shown. */
  history: readonly HistoryPoint[];
  done: boolean;
}

/** A change that top has received. */
export type News =
  | { type: 'connected'; version: string }
  | { type: 'lost' }
  | { type: 'stats'; stats: Stats[] }
  | { type: 'statuses'; statuses: ContainerStatus[] }
  | { type: 'services'; services: ServiceStatus[] }
  | { type: 'event'; event: RuntimeEvent }
  | { type: 'drain'; drain: DrainStatus }
  | { type: 'history'; id: string; points: HistoryPoint[] }
  | { type: 'screen'; screen: Screen }
  | { type: 'tick' };

/** The model before any data has arrived. */
export function initialModel(host: Host, screen: Screen, order: Order): Model {
  return {
    ...order,
    host,
    screen,
    now: 0,
    version: null,
    draining: false,
    lostSince: null,
    rows: new Map(),
    statuses: new Map(),
    services: [],
    shown: [],
    selected: null,
    offset: 0,
    paused: false,
    page: 'table',
    typing: false,
    history: [],
    done: false,
  };
}

/**
 * Gives the model after a change. While top is paused, only changes of the connection and of the screen are shown.
 * @param now in milliseconds since 1970
 */
export function learn(model: Model, news: News, now: number): Model {
  if (news.type === 'screen') return arranged({ ...model, screen: news.screen });
  if (news.type === 'lost') return { ...model, now, lostSince: model.lostSince ?? now };
  if (news.type === 'connected') return { ...model, now, lostSince: null, version: news.version };
  if (model.paused) return model;
  return arranged({ ...model, now, ...learned(model, news, now) });
}

function learned(model: Model, news: Exclude<News, { type: 'screen' | 'lost' | 'connected' }>, now: number) {
  switch (news.type) {
    case 'stats':
      return { rows: readRows(model, news.stats, now) };
    case 'statuses':
      return withStatuses(model, news.statuses);
    case 'services':
      return { services: news.services };
    case 'event':
      return { rows: withEvent(model, news.event) };
    case 'drain':
      return { draining: news.drain.draining };
    case 'history':
      return news.id === model.selected ? { history: news.points } : {};
    case 'tick':
      return {};
  }
}

/**
 * Sorts and filters the rows, and keeps the selected row on the screen. If the selected container is no longer shown,
 * the row at its place is selected.
 */
export function arranged(model: Model): Model {
  const shown = ordered(model.rows.values(), model.services, model, model.now);
  const { selected, index } = reselected(model, shown);
  const height = tableHeight(model.screen);
  const nearest = Math.min(Math.max(model.offset, index - height + 1), Math.max(0, index));
  const offset = Math.max(0, Math.min(index < 0 ? 0 : nearest, shown.length - height));
  const page = selected === null && model.page === 'details' ? 'table' : model.page;
  return { ...model, shown, selected, offset, page };
}

function reselected({ selected, shown: before }: Model, shown: readonly Row[]) {
  const indexIn = (rows: readonly Row[]) => rows.findIndex(({ id }) => id === selected);
  if (selected === null || shown.length === 0) return { selected: null, index: -1 };
  const found = indexIn(shown);
  const index = found >= 0 ? found : Math.min(Math.max(0, indexIn(before)), shown.length - 1);
  return { selected: shown[index]?.id ?? null, index };
}

/**
 * Makes the rows from new readings. A container without a reading has ended: its row stays for a short time, so that
 * the user can see why it ended.
 */
function readRows(model: Model, stats: Stats[], now: number): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const one of stats) {
    const before = model.rows.get(one.id);
    const late = before?.endedAt != null && Date.parse(one.at) <= before.endedAt;
    rows.set(one.id, late ? before : readRow(before, one, model.statuses.get(one.id) ?? null));
  }
  for (const [id, row] of model.rows) {
    const endedAt = row.endedAt ?? now;
    if (!rows.has(id) && now - endedAt < ENDED_SHOWN_MS) rows.set(id, ended(row, endedAt, row.exit));
  }
  return rows;
}

function withStatuses(model: Model, list: ContainerStatus[]) {
  const statuses = new Map(list.map((status) => [status.id, status]));
  const rows = new Map(model.rows);
  for (const [id, row] of rows) {
    const status = statuses.get(id) ?? row.status;
    if (row.endedAt === null) rows.set(id, { ...row, status });
    else rows.set(id, { ...row, status, exit: row.exit ?? status?.exit ?? null });
  }
  return { statuses, rows };
}

function withEvent(model: Model, event: RuntimeEvent): ReadonlyMap<string, Row> {
  const row = model.rows.get(event.id);
  if (row === undefined || event.type !== 'exit') return model.rows;
  return new Map(model.rows).set(event.id, ended(row, Date.parse(event.at), event.exit));
}

function ended(row: Row, endedAt: number, exit: Row['exit']): Row {
  return { ...row, state: 'exited', endedAt, exit };
}
