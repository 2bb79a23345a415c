import { cut, pad, widthOf } from '../text.js';

/** The meaning of a piece of a line; ansi.ts decides how each style looks. */
export type Style = 'plain' | 'heading' | 'sorted' | 'dim' | 'strong' | 'good' | 'warning' | 'alarm' | 'selected';

/** A piece of a line: plain text without escape sequences, and its style. */
export interface Span {
  text: string;
  style: Style;
}
export type Line = readonly Span[];

/** Makes a piece of a line. */
export function span(text: string, style: Style = 'plain'): Span {
  return { text, style };
}

/** Gives the text of a line without its styles. */
export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}

/** Gives a line of at most `columns`; the rest is cut off at the end. */
export function fitted(line: Line, columns: number): Line {
  let left = columns;
  return line.flatMap(({ text, style }) => {
    const kept = cut(text, left, '');
    left -= widthOf(kept);
    return kept === '' ? [] : [{ text: kept, style }];
  });
}

/** Gives a line with one part on the left and one part on the right. If both do not fit, the left part is cut. */
export function spread(left: Line, right: Line, columns: number): Line {
  const room = Math.max(0, columns - widthOf(textOf(right)));
  const start = fitted(left, room);
  return fitted([...start, span(pad('', room - widthOf(textOf(start)))), ...right], columns);
}
