import stringWidth from 'string-width';

/** Control characters, and those that turn the direction of text: both would change what a terminal shows beside them. */
const UNPRINTABLE = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const ASCII = /^[ -~]*$/;
const graphemes = new Intl.Segmenter();

/** Makes a text of somebody else harmless for a terminal: owners, labels and commands may hold anything. */
export function plain(text: string): string {
  return text.replaceAll(UNPRINTABLE, '?');
}

/**
 * Makes lines, or JSON, harmless for a terminal: what it would act on is written as in JSON (\u001b). Line ends and tabs stay.
 * In JSON such characters are only ever inside strings, so its meaning stays.
 */
export function escaped(text: string): string {
  return text.replaceAll(UNPRINTABLE, (found) =>
    found === '\n' || found === '\t' ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Gives the columns that a plain text takes on a terminal. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** Cuts a plain text to a width in columns, with a mark (of one column, or none) where something is missing; never through a character. */
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

/** Fills a plain text with spaces up to a width in columns, on its right or on its left. */
export function pad(text: string, width: number, right = false): string {
  const spaces = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? spaces + text : text + spaces;
}
