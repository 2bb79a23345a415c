// @ts-check
// What is said of many measurements. Pure.

/** @typedef {{ n: number, median: number, p95: number, p99: number, max: number }} Summary */

/**
 * Gives the value below which a share of the values lies, between the two nearest where it falls between them.
 * @param {readonly number[]} sorted ascending, at least one
 * @param {number} share from 0 to 1
 */
export function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * @param {readonly number[]} values in any unit
 * @returns {Summary} in the same unit
 * @throws {RangeError} where there are none
 */
export function summarize(values) {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  const max = sorted[sorted.length - 1] ?? Number.NaN;
  const of = (/** @type {number} */ share) => quantile(sorted, share);
  return { n: sorted.length, median: of(0.5), p95: of(0.95), p99: of(0.99), max };
}
