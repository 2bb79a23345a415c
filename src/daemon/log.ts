import pino, { type DestinationStream, type Logger } from 'pino';
import { toHostError } from '../host/errors.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { shortened } from '../spec/problems.js';

/** The most characters of the message of an error. */
const MOST_OF_MESSAGE = 2000;

/**
 * Characters that a terminal executes or does not show, and that JSON allows in strings: DEL, C1, and the controls and
 * marks of Unicode for lines and directions.
 */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Makes the log of niwad: a line of JSON for each entry, with the name of its level. A line is ASCII and Unicode that a
 * terminal only shows, whatever a stranger's text in it says.
 * @param level the least level that is written
 * @param stream takes each line, with its newline
 */
export function makeLog(level: string, stream: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (name) => ({ level: name }) },
      serializers: { err: describeError },
    },
    { write: (line) => stream.write(escapeUnseen(line)) },
  );
}

/** Writes each character that a terminal would not only show as JSON writes it, `\u009b`; the JSON means the same. */
function escapeUnseen(line: string): string {
  return line.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Gives what the log says of an error. A usual failure has its code and its message, which name cause and cure. A
 * defect of niwad has its stack, too.
 */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (!isUsual(error)) return pino.stdSerializers.err(error);
  const { code } = error as { code?: string };
  const cause = error.cause === undefined ? {} : { cause: shortened(messageOf(error.cause), MOST_OF_MESSAGE) };
  return { code, message: shortened(error.message, MOST_OF_MESSAGE), ...cause };
}

/** Whether an error and its causes are refusals, or failures of the host. */
function isUsual(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isExpected = error instanceof NiwaError ? error.code !== 'INTERNAL' : toHostError(error) !== null;
  return isExpected && (error.cause === undefined || isUsual(error.cause));
}
