import { type Static, Type } from 'typebox';
import { BYTES_PATTERN, DURATION_PATTERN, DURATION_WORDS, parseBytes, parseDuration } from '../units.js';

/**
 * Values that several parts of a spec have. Each `description` completes the sentence "allowed: ..." of an error, so it
 * says what a user may write.
 */

/** The largest integer: larger ones are not exact in JavaScript. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
/** For an object that may have no other fields. */
export const closed = { additionalProperties: false } as const;
/** A string without NUL. */
export const text = (description: string) => Type.String({ pattern: '^[^\\u0000]*$', description });
/** An absolute path. @param description what the path names */
export const absolutePath = (description: string) =>
  Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4095, description: `${description}: an absolute path` });
/** A whole number. @param description what the number says */
export const integer = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description: `${description}: an integer from ${minimum} to ${maximum}` });
export const BYTES_WORDS = 'bytes as an integer, or a string such as "512M" or "1.5G", less than 8192T';
const ByteText = Type.Refine(Type.String({ pattern: BYTES_PATTERN }), (size) => parseBytes(size) !== undefined);
/** A size in bytes. */
export const Bytes = Type.Union([Type.Integer({ minimum: 0, maximum: MAX_INTEGER }), ByteText], {
  title: 'Bytes',
  description: BYTES_WORDS,
});
/** The size of a tmpfs. It must not be 0: for the kernel, a tmpfs of the size 0 has no limit (tmpfs(5)). */
export const TmpfsBytes = Type.Union(
  [Type.Integer({ minimum: 1, maximum: MAX_INTEGER }), Type.Refine(ByteText, (size) => parseBytes(size) !== 0)],
  { description: `${BYTES_WORDS}, and more than 0` },
);
/** A duration. */
export const Duration = Type.Union(
  [
    Type.Refine(Type.Number({ minimum: 0 }), (seconds) => parseDuration(seconds) !== undefined),
    Type.Refine(Type.String({ pattern: DURATION_PATTERN }), (text) => parseDuration(text) !== undefined),
  ],
  { title: 'Duration', description: DURATION_WORDS },
);
export type DurationInput = Static<typeof Duration>;

/** The id of a container. */
export const Id = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
  description: '1 to 64 of the characters A-Z a-z 0-9 _ . - and the first a letter or a digit',
});

export const ARGS_WORDS = 'the program and its arguments: a list of at least one string';
/** A program and its arguments. */
export const Args = Type.Array(text('a string without NUL'), {
  minItems: 1,
  maxItems: 10_000,
  description: ARGS_WORDS,
});

/** The forms of a signal, in words for messages. */
export const SIGNAL_WORDS = 'a signal such as "SIGTERM", "TERM", "SIGRTMIN+3" or 15';

/** A signal by its name or number. */
export const Signal = Type.Union(
  [Type.Integer({ minimum: 1, maximum: 64 }), Type.String({ pattern: '^[A-Za-z0-9+-]+$' })],
  { title: 'Signal', description: SIGNAL_WORDS },
);
