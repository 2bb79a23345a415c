import type { ServiceStatus } from '../../protocol/services.js';
import { formatBytes, formatDuration } from '../../protocol/units.js';
import type { HistoryPoint } from '../../protocol/usage.js';
import { latencyText } from '../service-text.js';
import { plain } from '../text.js';
import { commandOf, cpuScale } from './columns.js';
import { figure, greatest, percent, shortTime } from './figures.js';
import { type Line, span } from './line.js';
import type { Model } from './model.js';
import { type Figures, figuresOf, type Row } from './row.js';
import { ASCII_LEVELS, BLOCKS, graph } from './sparkline.js';

/** The number of text lines above the graphs. */
const WORDS = 8;
const HIGHEST_GRAPH = 6;

/** Gives the page about one container. The graphs are as high as the remaining lines allow. */
export function detailLines(model: Model, row: Row, height: number): Line[] {
  const figures = figuresOf(row, model.now);
  const graphs = graphsOf(model, row, figures);
  const graphHeight = Math.max(
    1,
    Math.min(HIGHEST_GRAPH, Math.floor((height - WORDS - graphs.length) / graphs.length)),
  );
  const levels = model.screen.unicode ? BLOCKS : ASCII_LEVELS;
  return [
    ...wordLines(model, row, figures),
    ...graphs.flatMap(({ title, values, max }) => [
      [span(title, 'strong')],
      ...graph(values, values.length, graphHeight, max, levels).map((text) => [span(text)]),
    ]),
  ];
}

function wordLines(model: Model, row: Row, figures: Figures): Line[] {
  if (row.service !== null) return serviceLines(row.service, model.now);
  const { status, exit, state, stats } = row;
  const { memory, pids, cpu } = stats.usage;
  const labels = Object.entries(status?.spec.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const started = status?.started_at == null ? '-' : `${shortTime(model.now - Date.parse(status.started_at))} ago`;
  const end = exit === null ? '' : ` (${exit.reason}, ${exit.signal ?? `status ${exit.code}`})`;
  const waited = `cpu ${psi(figures.pressure.cpu)}  memory ${psi(figures.pressure.memory)}  io ${psi(figures.pressure.io)}`;
  return [
    [],
    [span(row.id, 'heading'), span(`  ${state}${end}  pid ${status?.pid ?? '-'}`)],
    [span(`command  ${commandOf(status)}`)],
    [span(`owner    ${plain(status?.spec.owner ?? '-')}   labels ${plain(labels.join(' ') || '-')}`)],
    [
      span(
        `started  ${started}   left ${figure(figures.leftMs, shortTime)}   cpu time ${figure(cpu.usage_usec, formatDuration)}   throttled ${figure(cpu.throttled_usec, formatDuration)}`,
      ),
    ],
    [span(`limits   ${limitsOf(row)}`)],
    [
      span(
        `memory   peak ${figure(memory?.peak, formatBytes)}   oom kills ${figure(memory?.events.oom_kill, String)}   pids ${figure(pids?.current, String)}`,
      ),
    ],
    [span(`waited   ${waited}  (some process, of the last 10 s)`)],
  ];
}

function serviceLines(service: ServiceStatus, now: number): Line[] {
  const { name, state, listen, owner, labels, slots, hold, instances, counters, last_wake, last_failure } = service;
  const count = (phase: string) => instances.filter((instance) => instance.phase === phase).length;
  const phases = [...new Set(instances.map(({ phase }) => phase))].map((phase) => `${count(phase)} ${phase}`);
  const labelled = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const reasons = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([reason, of]) => `${reason} ${of}`)
      .join(', ') || 'none';
  const ago = (at: string) => `${shortTime(now - Date.parse(at))} ago`;
  const wake = last_wake === null ? 'none' : `${ago(last_wake.at)}, ${latencyText(last_wake)}`;
  const failure = last_failure === null ? 'none' : `${ago(last_failure.at)}: ${plain(last_failure.message)}`;
  return [
    [],
    [span(`${name}/`, 'heading'), span(`  ${state}   ${listen.join(' ')}`)],
    [span(`owner     ${plain(owner ?? '-')}   labels ${plain(labelled.join(' ') || '-')}`)],
    [span(`slots     ${slots}${hold === null ? '' : `, ${hold} are held`}   instances ${phases.join(', ') || 'none'}`)],
    [span(`requests  ${counters.connections} forwarded   ${counters.requests_held} held   wakes ${counters.wakes}`)],
    [span(`refused   ${reasons(counters.refused)}   failures ${reasons(counters.failures)}`)],
    [span(`last wake ${wake}`)],
    [span(`failure   ${failure}`)],
  ];
}

function limitsOf({ status }: Row): string {
  const resources = status?.spec.resources;
  if (resources === undefined) return '-';
  const { cpu, memory, io, pids } = resources;
  const size = (value: number | 'max') => (value === 'max' ? value : formatBytes(value));
  const rates = io.flatMap(({ device, rbps, wbps }) => [
    ...(rbps === undefined ? [] : [`${device} ${size(rbps)}/s read`]),
    ...(wbps === undefined ? [] : [`${device} ${size(wbps)}/s written`]),
  ]);
  const words = [
    ...(cpu.max === undefined ? [] : [`cpu ${cpu.max}`]),
    ...(memory.maxBytes === undefined ? [] : [`memory ${size(memory.maxBytes)}`]),
    ...(pids === undefined ? [] : [`pids ${pids}`]),
    ...rates,
  ];
  return words.join('   ') || 'none';
}

/** The graphs of the last minute, one for each figure that the host counts. */
function graphsOf({ history }: Model, { cpuHistory }: Row, figures: Figures) {
  const of = (field: keyof HistoryPoint) => history.map((point) => point[field]);
  const cpu = history.length > 0 ? of('cpu') : cpuHistory;
  const memory = of('memory_bytes');
  const throttled = of('throttled');
  const memoryMax = figures.memoryMaxBytes ?? greatest(...memory) ?? 0;
  const limit = figures.cpuMax === null ? '' : ` of ${percent(figures.cpuMax)}%`;
  const drawn = [
    { title: `cpu ${figure(figures.cpu, percent)}%${limit}`, values: cpu, max: cpuScale(cpu, figures.cpuMax) },
    { title: `throttled ${figure(figures.throttled, percent)}%`, values: throttled, max: 1 },
    {
      title: `memory ${figure(figures.memoryBytes, formatBytes)} of ${formatBytes(memoryMax)}`,
      values: memory,
      max: memoryMax,
    },
  ];
  return drawn.filter(({ values }, i) => i === 0 || values.some((value) => value !== null));
}

function psi(value: number | null): string {
  return figure(value, (known) => `${known}%`);
}
