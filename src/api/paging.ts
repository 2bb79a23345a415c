import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { invalid, show } from '../spec/problems.js';

/**
 * Long answers. They are written in pieces, and between two pieces the event loop handles other requests. No answer is
 * ever one string, because V8 limits a string to 512 MiB.
 */

/** How many characters, and how many items, are made in one turn of the event loop at the most. */
const PIECE_LENGTH = 64 * 1024;
const PIECE_ITEMS = 100;

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
  const whole = object as Readonly<Record<string, unknown>>;
  return Object.fromEntries(fields.filter((name) => Object.hasOwn(whole, name)).map((name) => [name, whole[name]]));
}

/** The text before and after the items of an answer. */
export interface Frame {
  before: string;
  /** Called when the last item is written. */
  after: () => string;
}

const BRACKETS: Frame = { before: '[', after: () => ']' };

/**
 * Answers with a JSON array, as fast as the peer reads.
 * @param reply the reply of a route; its schema may have any type
 * @param items the JSON of each item; the next item is made only when there is room for it
 * @param frame the text around the items, brackets included; only the brackets unless given
 */
export function streamArray(
  reply: object,
  items: Iterable<string> | AsyncIterable<string>,
  frame: Frame = BRACKETS,
): FastifyReply {
  const body = Readable.from(piecesOf(items, frame), { objectMode: false, highWaterMark: PIECE_LENGTH });
  return (reply as FastifyReply).type('application/json; charset=utf-8').send(body);
}

/** Joins items to pieces of a JSON array; after each piece the event loop has a turn for other requests. */
export async function* piecesOf(
  items: Iterable<string> | AsyncIterable<string>,
  { before, after }: Frame = BRACKETS,
): AsyncGenerator<string> {
  let piece = before;
  let comma = '';
  let count = 0;
  for await (const item of items) {
    piece += comma + item;
    comma = ',';
    if (++count < PIECE_ITEMS && piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
    count = 0;
    await nextTurn();
  }
  yield piece + after();
}
