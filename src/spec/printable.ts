/**
 * Control characters, and characters that change the direction of text: a terminal would show the text around them
 * wrongly.
 */
const UNPRINTABLE = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

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
