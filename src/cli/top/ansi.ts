import type { Line, Style } from './line.js';

/**
 * Select Graphic Rendition of ECMA-48: attributes, which every terminal can show, and colours, which a user may switch
 * off.
 */
const ATTRIBUTES: Record<Style, string> = {
  plain: '',
  heading: '7',
  sorted: '7;1',
  dim: '2',
  strong: '1',
  good: '',
  warning: '',
  alarm: '1',
  selected: '7',
};
const COLOURS: Partial<Record<Style, string>> = { good: '32', warning: '33', alarm: '31' };

/** Gives a line with its styles as escape sequences. */
export function paint(line: Line, colours: boolean): string {
  return line
    .map(({ text, style }) => {
      const codes = [ATTRIBUTES[style], colours ? COLOURS[style] : ''].filter(Boolean).join(';');
      return codes === '' || text === '' ? text : `\x1b[${codes}m${text}\x1b[0m`;
    })
    .join('');
}

/** Opens the alternate screen, without cursor and line wrapping; the content of the normal screen stays as it is. */
export const ENTER_SCREEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
export const LEAVE_SCREEN = '\x1b[?7h\x1b[?25h\x1b[?1049l';

/**
 * Gives the text that replaces a whole screen. Full lines are written over the old ones without clearing first, so that
 * nothing flickers. A terminal with synchronized updates (mode 2026) shows the frame at once; other terminals ignore
 * the sequence.
 */
export function frame(lines: readonly Line[], colours: boolean): string {
  const painted = lines.map((line) => paint(line, colours)).join('\r\n');
  return `\x1b[?2026h\x1b[H${painted}\x1b[?2026l`;
}
