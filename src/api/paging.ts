import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { invalid, show } from '../spec/problems.js';

/**
 * Answers that may be long. They are written piece by piece, and between two pieces the event loop serves others; no answer is
 * ever one string, which V8 bounds to 512 MiB.
 */

/** So much is made in one turn of the event loop, in characters. */
const PIECE_LENGTH = 64 * 1024;

/**
 * Reads `fields` of a query.
 * @param known the names that there are
 * @returns undefined where all are wanted
 * @throws NiwaError SPEC_INVALID where a name is not known
 */
export function fieldsOf(fields: string | undefined, known: readonly string[]): string[] | undefined {
  const names = fields?.split(',');
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid('the request', [{ path: 'fields', found: show(unknown), allowed: known.join(', ') }]);
  return names;
}

/** Gives an object with these fields of another one, as far as it has them. */
export function pick(object: object, fields: readonly string[]): object {
  const whole = new Map(Object.entries(object));
  return Object.fromEntries(fields.filter((name) => whole.has(name)).map((name) => [name, whole.get(name)]));
}

/** What stands before and behind the items of an answer. */
export interface Frame {
  before: string;
  /** Asked for when the last item is written. */
  after: () => string;
}

/**
 * Answers with a JSON array, as fast as the peer reads.
 * @param reply the reply of a route, whatever its schema says that it sends
 * @param items the JSON of each item; the next one is asked for only when there is room for it
 * @param frame what the array stands in, brackets included; the array alone unless given
 */
export function streamArray(
  reply: object,
  items: Iterable<string> | AsyncIterable<string>,
  frame: Frame = { before: '[', after: () => ']' },
): FastifyReply {
  const body = Readable.from(pieces(items, frame), { objectMode: false, highWaterMark: PIECE_LENGTH });
  return (reply as FastifyReply).type('application/json; charset=utf-8').send(body);
}

/** Joins items to pieces, and lets others have a turn after each piece. */
async function* pieces(items: Iterable<string> | AsyncIterable<string>, { before, after }: Frame) {
  let piece = before;
  let comma = '';
  for await (const item of items) {
    piece += comma + item;
    comma = ',';
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
    await nextTurn();
  }
  yield piece + after();
}
