import type { FastifyReply } from 'fastify';

/**
 * Answers with text that is JSON already.
 * @param reply the reply of a route; its schema may have any type
 */
export function sendJson(reply: object, text: string): void {
  void (reply as FastifyReply).type('application/json; charset=utf-8').send(text);
}

/**
 * Makes a text once in a turn of the event loop, and gives this text to all requests of that turn: one reading of the
 * kernel's figures serves them all. A request that was sent after an event comes in a later turn, and gets a text that
 * was made after the event.
 */
export function oncePerTurn<T>(make: (thing: T) => string): (thing: T) => string {
  const made = new Map<T, string>();
  return (thing) => {
    const before = made.get(thing);
    if (before !== undefined) return before;
    if (made.size === 0) setImmediate(() => made.clear());
    const text = make(thing);
    made.set(thing, text);
    return text;
  };
}
