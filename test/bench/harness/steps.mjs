// @ts-check
// What each of several revisions gave, one after the other. Pure.
import { quantile } from './statistics.mjs';

/** @typedef {import('./order.mjs').Turn} Turn */

/**
 * One revision, or a floor, as it was measured.
 * @typedef {object} Step
 * @property {string} name the commit
 * @property {string} words the first line of its message
 * @property {number[]} times of starts, one after another, in microseconds
 * @property {Turn[]} alone the turns in which they were made
 * @property {Turn[]} atOnce turns of many starts at once
 */

/**
 * The figures of a step.
 * @typedef {object} Figures
 * @property {number} start the median time from the request to the end, in microseconds
 * @property {number} rate starts a second, many at once: the median of the turns
 * @property {number} cpu processor time of niwad for a start, one after another, in microseconds
 * @property {number} cpuAtOnce the same, many at once
 */

/** @type {{ key: keyof Figures, heading: string, floor: boolean }[]} */
const COLUMNS = [
  { key: 'start', heading: 'start, us', floor: true },
  { key: 'rate', heading: 'starts a second, 16 at once', floor: true },
  { key: 'cpu', heading: 'processor time of niwad for a start, us', floor: false },
  { key: 'cpuAtOnce', heading: 'the same, 16 at once', floor: false },
];

/**
 * @param {Step} step
 * @returns {Figures}
 */
export function figuresOf({ times, alone, atOnce }) {
  return {
    start: median(times),
    rate: median(atOnce.map(({ count, wall }) => (count / wall) * 1e6)),
    cpu: median(alone.map(({ count, cpu }) => cpu / count)),
    cpuAtOnce: median(atOnce.map(({ count, cpu }) => cpu / count)),
  };
}

/**
 * Writes a line for each step: its figures, each as a ratio to the floor and to the step before.
 * @param {readonly Step[]} steps in their order
 * @param {Step} floor measured in the same turns
 * @returns {string} a table in Markdown
 */
export function toStepsTable(steps, floor) {
  const bottom = figuresOf(floor);
  const head = ['revision', 'step', ...COLUMNS.flatMap((column) => headings(column))];
  const lines = steps.map((step, i) => {
    const own = figuresOf(step);
    const before = i === 0 ? null : figuresOf(/** @type {Step} */ (steps[i - 1]));
    const cells = COLUMNS.flatMap(({ key, floor: has }) => [
      own[key].toFixed(0),
      ...(has ? [(own[key] / bottom[key]).toFixed(3)] : []),
      before === null ? '-' : (own[key] / before[key]).toFixed(3),
    ]);
    return [step.name, step.words.replaceAll('|', '\\|'), ...cells];
  });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {{ heading: string, floor: boolean }} column */
function headings({ heading, floor }) {
  return [heading, ...(floor ? ['x the floor'] : []), 'x the step before'];
}

/** @param {readonly number[]} values */
function median(values) {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
