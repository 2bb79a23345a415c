/**
 * Lays out rows under headings, columns as wide as their widest cell, two spaces between them.
 * @param right the columns (from 0) that are figures and stand to the right
 */
export function table(headings: string[], rows: string[][], right: number[] = []): string {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const cell = (text: string, i: number) =>
    right.includes(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
  return [headings, ...rows].map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

/** Cuts a text to a width, with an ellipsis. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
