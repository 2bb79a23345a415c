import { pad, widthOf } from './text.js';

/**
 * Makes a table of plain text with headings. Each column is as wide as its widest cell, with two spaces between
 * columns.
 * @param right the columns (counted from 0) that are aligned to the right, because they contain figures
 */
export function table(headings: string[], rows: string[][], right: number[] = []): string {
  const widths = headings.map((heading, i) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[i] ?? '')), widthOf(heading)),
  );
  const cell = (text: string, i: number) => pad(text, widths[i] ?? 0, right.includes(i));
  return [headings, ...rows].map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
