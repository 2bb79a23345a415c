import type { FastifyReply } from 'fastify';

/**
 * Answers with what is JSON already.
 * @param reply the reply of a route, whatever its schema says that it sends
 */
export function sendJson(reply: object, text: string): FastifyReply {
  return (reply as FastifyReply).type('application/json; charset=utf-8').send(text);
}

/**
 * Makes the text of each thing once in a turn of the event loop, for all who ask for it in that turn: a reading of the kernel's
 * figures serves them all. Who asks after having heard of something asks in a later turn, and gets what was made after it.
 */
export function oncePerTurn<T>(make: (thing: T) => object): (thing: T) => string {
  const made = new Map<T, string>();
  return (thing) => {
    const before = made.get(thing);
    if (before !== undefined) return before;
    if (made.size === 0) setImmediate(() => made.clear());
    const text = JSON.stringify(make(thing));
    made.set(thing, text);
    return text;
  };
}
