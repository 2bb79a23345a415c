import stringWidth from 'string-width';

export { escaped, plain } from '../spec/printable.js';

const ASCII = /^[ -~]*$/;
const graphemes = new Intl.Segmenter();

/** Gives the number of terminal columns that a plain text takes. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/**
 * Cuts a plain text to a width in columns. If text is cut off, `mark` (one column, or empty) ends it. A character is
 * never cut in two.
 */
export function cut(text: string, width: number, mark = '…'): string {
  const room = width - mark.length;
  if (ASCII.test(text) ? text.length <= width : widthOf(text) <= width) return text;
  if (room < 0) return '';
  if (ASCII.test(text)) return text.slice(0, room) + mark;
  let [kept, used] = ['', 0];
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment);
    if (used > room) break;
    kept += segment;
  }
  return kept + mark;
}

/** Fills a plain text with spaces up to a width in columns: spaces on its right, or with `right` on its left. */
export function pad(text: string, width: number, right = false): string {
  const spaces = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? spaces + text : text + spaces;
}
