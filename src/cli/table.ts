import { NO_SCREEN, type Screen } from './screen.js';
import { cut, plain, widthOf } from './text.js';
import { paint } from './top/ansi.js';
import { type Span, span } from './top/line.js';

/** A column of a table. */
export interface Column {
  heading: string;
  /** Whether the column is aligned to the right, because it contains figures. */
  right?: boolean;
  /** The width down to which its texts may be cut where the table does not fit; undefined where they stay whole. */
  least?: number;
  /** The column is left out where the table does not fit even when it is cut: the one with the highest number first. */
  spare?: number;
}

/** The text of a cell, with a style where it should catch the eye. */
export type Cell = string | Span;

/** The columns between two columns. */
const GAP = '  ';

/** A table with headings. Its texts may be of unknown origin: characters that a terminal would act on are replaced. */
export class Table {
  readonly #columns: readonly Column[];
  readonly #rows: readonly (readonly Span[])[];

  constructor(columns: readonly Column[], rows: readonly (readonly Cell[])[]) {
    this.#columns = columns;
    const headings = columns.map(({ heading }) => span(heading));
    this.#rows = [headings, ...rows].map((row) => row.map(harmless));
  }

  /** Writes the table as it fits a screen; without one, nothing is cut or left out. */
  text(screen: Screen = NO_SCREEN): string {
    const shown = fitted(this.#columns, this.#naturalWidths(), screen.columns ?? Number.POSITIVE_INFINITY);
    return this.#rows.map((row) => lineOf(row, shown, screen.colours)).join('\n');
  }

  #naturalWidths(): number[] {
    return this.#columns.map((_, i) =>
      this.#rows.reduce((widest, row) => Math.max(widest, widthOf(row[i]?.text ?? '')), 0),
    );
  }
}

/**
 * Makes a table of headings alone.
 * @param right the columns (counted from 0) that are aligned to the right, because they contain figures
 */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[], right: number[] = []): Table {
  return new Table(
    headings.map((heading, i) => ({ heading, right: right.includes(i) })),
    rows,
  );
}

/** A column that is shown: its place in the row, and its width. */
interface Shown {
  index: number;
  width: number;
  right: boolean;
}

/** Chooses the columns that fit a width, and the width of each; the last columns are cut first. */
function fitted(columns: readonly Column[], widths: readonly number[], room: number): Shown[] {
  const least = (i: number) => Math.min(widths[i] ?? 0, columns[i]?.least ?? Number.POSITIVE_INFINITY);
  const total = (shown: number[], width: (i: number) => number) =>
    shown.reduce((sum, i) => sum + width(i) + GAP.length, -GAP.length);
  let shown = columns.map((_, i) => i);
  const spare = shown
    .filter((i) => columns[i]?.spare !== undefined)
    .sort((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0));
  for (const i of spare) {
    if (total(shown, least) <= room) break;
    shown = shown.filter((other) => other !== i);
  }
  let excess = Math.max(0, total(shown, (i) => widths[i] ?? 0) - room);
  const chosen = shown.toReversed().map((index) => {
    const natural = widths[index] ?? 0;
    const width = Math.max(least(index), natural - excess);
    excess -= natural - width;
    return { index, width, right: columns[index]?.right ?? false };
  });
  return chosen.reverse();
}

function lineOf(row: readonly Span[], columns: readonly Shown[], colours: boolean): string {
  const cells = columns.map(({ index, width, right }) => {
    const { text, style } = row[index] ?? span('');
    const short = cut(text, width);
    const spaces = ' '.repeat(Math.max(0, width - widthOf(short)));
    const shown = colours ? paint([span(short, style)], true) : short;
    return right ? spaces + shown : shown + spaces;
  });
  return cells.join(GAP).trimEnd();
}

function harmless(cell: Cell): Span {
  const { text, style } = typeof cell === 'string' ? span(cell) : cell;
  return { text: plain(text), style };
}
