import type { Line, Style } from './line.js';

/** Select Graphic Rendition of ECMA-48: attributes, which every terminal has, and colours, which a user may not want. */
const ATTRIBUTES: Record<Style, string> = {
  plain: '',
  heading: '7',
  sorted: '7;1',
  dim: '2',
  strong: '1',
  warning: '',
  alarm: '1',
  selected: '7',
};
const COLOURS: Partial<Record<Style, string>> = { warning: '33', alarm: '31' };

/** Gives a line with its styles as escape sequences. */
export function paint(line: Line, colours: boolean): string {
  return line
    .map(({ text, style }) => {
      const codes = [ATTRIBUTES[style], colours ? COLOURS[style] : ''].filter(Boolean).join(';');
      return codes === '' || text === '' ? text : `\x1b[${codes}m${text}\x1b[0m`;
    })
    .join('');
}

/** The alternate screen, without a cursor and without wrapping: what is on the user's own screen stays. */
export const ENTER_SCREEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
export const LEAVE_SCREEN = '\x1b[?7h\x1b[?25h\x1b[?1049l';

/**
 * Gives what replaces a whole screen at once: full lines over those before, without clearing first, so that nothing flickers. A
 * terminal that knows synchronized updates (mode 2026) shows it in one piece; others pass over that.
 */
export function frame(lines: readonly Line[], colours: boolean): string {
  const painted = lines.map((line) => paint(line, colours)).join('\r\n');
  return `\x1b[?2026h\x1b[H${painted}\x1b[?2026l`;
}
