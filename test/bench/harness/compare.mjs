// @ts-check
// Whether one build is slower than another, beyond what the other differs from itself. Pure.
import { quantile } from './statistics.mjs';

/** How much slower, as a share, counts as slower. */
const TOLERANCE = 0.03;
const RESAMPLES = 400;
const CERTAINTY = 0.95;

const SHARES = { p10: 0.1, median: 0.5, p95: 0.95 };

/**
 * One statistic of one kind of measurement.
 * @typedef {object} Comparison
 * @property {string} what was measured
 * @property {string} statistic p10, median or p95
 * @property {number} old of the old build, in the unit of the measurements
 * @property {number} again of the old build, run a second time beside itself
 * @property {number} fresh of the new build
 * @property {number} spread by how much, as a share, the old build differs from itself 95 times of 100, had its
 * measurements
 *   come out a little differently
 * @property {number} ratio of the new build to both runs of the old one together
 * @property {boolean} slower whether the ratio is above 1 by more than the spread and 3 %
 */

/**
 * Compares the measurements of three that took turns.
 * @param {string} what
 * @param {{ old: readonly number[], again: readonly number[], fresh: readonly number[] }} times at least one of each
 * @param {() => number} [random] from 0 to 1, to choose samples by
 * @returns {Comparison[]} one for each statistic
 */
export function compare(what, { old, again, fresh }, random = generator(1)) {
  const both = [...old, ...again];
  const differences = Array.from({ length: RESAMPLES }, () => {
    const [one, other] = [sorted(resample(old, random)), sorted(resample(again, random))];
    return Object.values(SHARES).map((share) => Math.abs(quantile(other, share) / quantile(one, share) - 1));
  });
  return Object.entries(SHARES).map(([statistic, share], index) => {
    const of = (/** @type {readonly number[]} */ times) => quantile(sorted(times), share);
    const spread = quantile(sorted(differences.map((one) => one[index] ?? 0)), CERTAINTY);
    const ratio = of(fresh) / of(both);
    const slower = ratio > 1 + spread + TOLERANCE;
    return { what, statistic, old: of(old), again: of(again), fresh: of(fresh), spread, ratio, slower };
  });
}

/**
 * @param {readonly Comparison[]} comparisons in microseconds
 * @returns {string} a table in Markdown
 */
export function toComparisonTable(comparisons) {
  const head = ['what', 'of its times', 'old, us', 'old again, us', 'new, us', 'spread of old', 'new / old', 'slower'];
  const lines = comparisons.map(({ what, statistic, old, again, fresh, spread, ratio, slower }) => [
    what,
    statistic,
    ...[old, again, fresh].map((usec) => usec.toFixed(0)),
    `${(spread * 100).toFixed(1)} %`,
    ratio.toFixed(3),
    slower ? 'yes' : 'no',
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {readonly number[]} values @param {() => number} random */
function resample(values, random) {
  return values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN);
}

/** @param {readonly number[]} values */
function sorted(values) {
  return [...values].sort((a, b) => a - b);
}

/**
 * The same numbers each time, so that a verdict can be computed again.
 * @param {number} seed
 * @returns {() => number}
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // the constants of Numerical Recipes
    return state / 2 ** 32;
  };
}
