import { pad, widthOf } from './text.js';

/**
 * Lays out rows of plain text under headings, columns as wide as their widest cell, two spaces between them.
 * @param right the columns (from 0) that are figures and stand to the right
 */
export function table(headings: string[], rows: string[][], right: number[] = []): string {
  const widths = headings.map((heading, i) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[i] ?? '')), widthOf(heading)),
  );
  const cell = (text: string, i: number) => pad(text, widths[i] ?? 0, right.includes(i));
  return [headings, ...rows].map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
