import stringWidth from 'string-width';

/**
 * Control characters, and characters that change the direction of text: a terminal would show the text around them
 * wrongly.
 */
const UNPRINTABLE = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const ASCII = /^[ -~]*$/;
const graphemes = new Intl.Segmenter();

/** Makes a text of unknown origin safe for a terminal: owners, labels and commands may contain any characters. */
export function plain(text: string): string {
  return text.replaceAll(UNPRINTABLE, '?');
}

/**
 * Makes lines, or JSON, safe for a terminal: control characters are written like in JSON (\u001b). Line ends and tabs
 * stay. In JSON, such characters only occur inside strings, so the meaning of the JSON stays the same.
 */
export function escaped(text: string): string {
  return text.replaceAll(UNPRINTABLE, (found) =>
    found === '\n' || found === '\t' ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

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
