/** Lines above the rows: three of the header and the headings. */
export const LINES_ABOVE = 4;
/** Lines below them: the keys. */
export const LINES_BELOW = 1;

/** Gives how many containers fit on a screen; at least one. */
export function tableHeight({ rows }: { rows: number }): number {
  return Math.max(1, rows - LINES_ABOVE - LINES_BELOW);
}
