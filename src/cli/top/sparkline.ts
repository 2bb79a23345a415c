/** The marks of eight levels, the lowest first. */
export const BLOCKS = '▁▂▃▄▅▆▇█';
/** The same eight levels for a terminal that shows only ASCII. */
export const ASCII_LEVELS = '_.-=+*%#';

const LEVELS = 8;

/**
 * Draws values as one line of marks, exactly `width` columns, with the newest value on the right. An unknown value is a
 * space.
 * @param max the value of the highest mark; larger values get this mark too
 */
export function sparkline(values: readonly (number | null)[], width: number, max: number, levels = BLOCKS): string {
  return graph(values, width, 1, max, levels)[0] ?? '';
}

/** Draws the same as a graph of several lines, the top line first. */
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

/**
 * Gives the level of a value: 1 to `highest`, or 0 for an unknown value. The value 0 has level 1, so that it differs
 * from an unknown value.
 */
function levelOf(value: number | null, max: number, highest: number): number {
  if (value === null) return 0;
  const part = max > 0 ? value / max : 0;
  return Math.min(highest, Math.max(1, Math.ceil(part * highest)));
}
