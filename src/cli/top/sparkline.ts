/** The marks of eight levels, the lowest first. */
export const BLOCKS = '▁▂▃▄▅▆▇█';
/** The same where the terminal has only ASCII. */
export const ASCII_LEVELS = '_.-=+*%#';

const LEVELS = 8;

/**
 * Draws the newest values as one line of marks, exactly `width` columns; the newest is on the right, and a value that is not
 * known is a space.
 * @param max the value of the highest mark; whatever is above it has that too
 */
export function sparkline(values: readonly (number | null)[], width: number, max: number, levels = BLOCKS): string {
  return graph(values, width, 1, max, levels)[0] ?? '';
}

/** The same over several lines, the uppermost first. */
export function graph(
  values: readonly (number | null)[],
  width: number,
  height: number,
  max: number,
  levels = BLOCKS,
): string[] {
  const newest = width > 0 ? values.slice(-width) : [];
  const heights = newest.map((value) => levelOf(value, max, height * LEVELS));
  return Array.from({ length: height }, (_, line) => {
    const below = (height - 1 - line) * LEVELS;
    const marks = heights.map((level) => (level <= below ? ' ' : levels[Math.min(level - below, LEVELS) - 1]));
    return marks.join('').padStart(width);
  });
}

/** Gives 0 for no value, and 1 to `highest` for one: also nothing is a mark, to tell it from not known. */
function levelOf(value: number | null, max: number, highest: number): number {
  if (value === null) return 0;
  const part = max > 0 ? value / max : 0;
  return Math.min(highest, Math.max(1, Math.ceil(part * highest)));
}
