/** The number of lines above the rows: three of the header, and the headings. */
export const LINES_ABOVE = 4;
/** The number of lines below the rows: the list of keys. */
export const LINES_BELOW = 1;

/** Gives the number of rows that fit on a screen; at least one. */
export function tableHeight({ rows }: { rows: number }): number {
  return Math.max(1, rows - LINES_ABOVE - LINES_BELOW);
}
