import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { invalid, show } from '../spec/problems.js';

/**
 * Long answers. They are written in pieces, and between two pieces the event loop handles other requests. No answer is
 * ever one string, because V8 limits a string to 512 MiB.
 */

/** How many characters are made in one turn of the event loop. */
const PIECE_LENGTH = 64 * 1024;

/**
 * Reads `fields` of a query.
 * @param known the names of all fields
 * @returns undefined if the query does not choose fields
 * @throws NiwaError SPEC_INVALID if a name is unknown
 */
export function fieldsOf(fields: string | undefined, known: readonly string[]): string[] | undefined {
  const names = fields?.split(',');
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid('the request', [{ path: 'fields', found: show(unknown), allowed: known.join(', ') }]);
  return names;
}

/** Gives an object with only these fields of another one; fields that the other one lacks are left out. */
export function pick(object: object, fields: readonly string[]): object {
  const whole = new Map(Object.entries(object));
  return Object.fromEntries(fields.filter((name) => whole.has(name)).map((name) => [name, whole.get(name)]));
}

/** The text before and after the items of an answer. */
export interface Frame {
  before: string;
  /** Called when the last item is written. */
  after: () => string;
}

/**
 * Answers with a JSON array, as fast as the peer reads.
 * @param reply the reply of a route; its schema may have any type
 * @param items the JSON of each item; the next item is made only when there is room for it
 * @param frame the text around the items, brackets included; only the brackets unless given
 */
export function streamArray(
  reply: object,
  items: Iterable<string> | AsyncIterable<string>,
  frame: Frame = { before: '[', after: () => ']' },
): FastifyReply {
  const body = Readable.from(pieces(items, frame), { objectMode: false, highWaterMark: PIECE_LENGTH });
  return (reply as FastifyReply).type('application/json; charset=utf-8').send(body);
}

/** Joins items to pieces; after each piece the event loop has a turn for other requests. */
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
