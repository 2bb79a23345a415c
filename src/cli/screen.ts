/** What the output can show. */
export interface Screen {
  /** The width in columns; null where lines may have any length, because the output is a file or a pipe. */
  columns: number | null;
  colours: boolean;
}

/** A file or a pipe: nothing is left out, and there are no escape sequences. */
export const NO_SCREEN: Screen = { columns: null, colours: false };

/** Says what a stream can show. */
export function screenOf(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>, env = process.env): Screen {
  if (stream.isTTY !== true) return NO_SCREEN;
  return { columns: stream.columns > 0 ? stream.columns : null, colours: wantsColours(env) };
}

/** Says whether a terminal has colours, and its user wants them. NO_COLOR: https://no-color.org */
export function wantsColours({ NO_COLOR = '', TERM = '' }: NodeJS.ProcessEnv): boolean {
  return NO_COLOR === '' && TERM !== '' && TERM !== 'dumb' && !TERM.endsWith('-m') && !/^vt[0-9]/.test(TERM);
}
