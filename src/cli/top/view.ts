import { plain } from '../text.js';
import { headings, layOut, rowLine } from './columns.js';
import { detailLines } from './details.js';
import { figure, percent, shortBytes, shortTime } from './figures.js';
import { HELP } from './help.js';
import { LINES_ABOVE, LINES_BELOW, tableHeight } from './layout.js';
import { type Line, type Span, span, spread, textOf } from './line.js';
import type { Model } from './model.js';
import { type Figures, figuresOf } from './row.js';

const KEYS = 'q quit  h help  enter details  / filter  space pause  r reverse  sort: cminptla';

/**
 * Gives the lines of the screen: as many as the screen has and as wide as the screen, so that no text of the previous
 * frame is left.
 */
export function view(model: Model): Line[] {
  const { rows, columns } = model.screen;
  const lines = [...header(model), ...page(model)].slice(0, Math.max(0, rows - LINES_BELOW));
  const filler = Array.from({ length: Math.max(0, rows - LINES_BELOW - lines.length) }, () => []);
  return [...lines, ...filler, footer(model)].map((line) => spread(line, [], columns));
}

/** Gives the header and all rows as text at their full width, for a file or a pipe. */
export function plainText(model: Model): string {
  const all = layOut(model.shown, Number.POSITIVE_INFINITY);
  const widths = new Map([...all].filter(([name]) => name !== 'trend')); // one reading alone has no trend
  const table = [
    headings(widths, model.sort),
    ...model.shown.map((row) => rowLine(row, widths, model.now, model.screen.unicode)),
  ];
  return [...header(model), ...table].map((line) => textOf(line).trimEnd()).join('\n');
}

function page(model: Model): Line[] {
  const height = Math.max(0, model.screen.rows - LINES_ABOVE - LINES_BELOW + 1);
  if (model.page === 'help') return HELP.map((text) => [span(text)]);
  const selected = model.shown.find(({ id }) => id === model.selected);
  return model.page === 'details' && selected !== undefined ? detailLines(model, selected, height) : table(model);
}

function table(model: Model): Line[] {
  const { shown, offset, screen, now, selected, sort } = model;
  const widths = layOut(shown, screen.columns);
  const visible = shown.slice(offset, offset + tableHeight(screen));
  const lines = visible.map((row) => {
    const line = rowLine(row, widths, now, screen.unicode);
    return row.id === selected ? spread([span(textOf(line), 'selected')], [], screen.columns) : line;
  });
  const fill = (line: Span[]) => [...line, span(' '.repeat(screen.columns), 'heading')];
  const empty: Line[] = shown.length === 0 ? [[span(emptyText(model), 'dim')]] : [];
  return [fill(headings(widths, sort)), ...lines, ...empty];
}

function emptyText({ filter, rows, version }: Model): string {
  if (version === null) return 'waiting for niwad ...';
  return rows.size === 0
    ? 'no container runs here'
    : `none of ${rows.size} containers has "${filter}" in its id, owner or labels`;
}

function header(model: Model): Line[] {
  const { host, version, now, screen, paused, draining } = model;
  const title = [span('niwa top', 'strong'), span(`  ${host.name}  niwad ${version ?? '-'}`)];
  const notices = [
    ...(paused ? [span('PAUSED', 'warning'), span('  ')] : []),
    ...(draining ? [span('DRAINING', 'warning'), span('  ')] : []),
    span(new Date(now).toTimeString().slice(0, 8)),
  ];
  return [spread(title, notices, Math.min(screen.columns, 120)), stateLine(model), totalsLine(model)];
}

/** The number of containers in each state; while niwad does not answer, the line says so instead. */
function stateLine({ lostSince, now, rows, statuses, filter, shown }: Model): Line {
  if (lostSince !== null) {
    const since = shortTime(now - lostSince);
    return [span(`niwad has not answered for ${since}: trying again; containers go on, figures are old`, 'alarm')];
  }
  const live = [...rows.values()].filter(({ endedAt }) => endedAt === null);
  const counts = ['running', 'paused', 'created', 'stopping'].map((state) => ({
    state,
    count: live.filter((row) => row.state === state).length,
  }));
  const words = counts.filter(({ count }) => count > 0).map(({ state, count }) => `${count} ${state}`);
  const exited = [...statuses.values()].filter(({ state }) => state === 'exited').length;
  const all = `${live.length} container${live.length === 1 ? '' : 's'}${words.length > 0 ? `: ${words.join(', ')}` : ''}`;
  const filtered = filter === '' ? [] : [span(`  filter "${plain(filter)}": ${shown.length} shown`, 'warning')];
  return [span(`${all}${exited > 0 ? `; ${exited} exited` : ''}`), ...filtered];
}

/** The use of all containers together, whether or not they match the filter. */
function totalsLine({ rows, now, host }: Model): Line {
  const figures = [...rows.values()].filter(({ endedAt }) => endedAt === null).map((row) => figuresOf(row, now));
  const total = (of: (figures: Figures) => number | null) =>
    figures.map(of).reduce((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);
  const rate = (of: (figures: Figures) => number | null) => figure(total(of), shortBytes);
  const hasNetwork = total(({ receivedPerSecond }) => receivedPerSecond) !== null;
  const parts = [
    `cpu ${figure(
      total(({ cpu }) => cpu),
      percent,
    )}% of ${host.processors * 100}%`,
    `memory ${rate(({ memoryBytes }) => memoryBytes)} of ${shortBytes(host.memoryBytes)}`,
    `rd/s ${rate(({ readPerSecond }) => readPerSecond)}  wr/s ${rate(({ writtenPerSecond }) => writtenPerSecond)}`,
    ...(hasNetwork ? [`rx/s ${rate((one) => one.receivedPerSecond)}  tx/s ${rate((one) => one.sentPerSecond)}`] : []),
  ];
  return [span(parts.join('  '))];
}

function footer({ typing, filter, screen }: Model): Line {
  if (!typing) return spread([span(KEYS, 'dim')], [], screen.columns);
  return [
    span('filter: ', 'strong'),
    span(plain(filter)),
    span(' ', 'selected'),
    span('   enter keep  esc clear', 'dim'),
  ];
}
