import type { FastifyReply } from 'fastify';
import type { Runtime } from '../containers/runtime.js';
import type { Container } from '../engine/container.js';

/**
 * Answers with what is JSON already.
 * @param reply the reply of a route; its schema may have any type
 * @param text as bytes where it is sent more than once: a string would be encoded each time
 */
export function sendJson(reply: object, text: string | Buffer): void {
  void (reply as FastifyReply).type('application/json; charset=utf-8').send(text);
}

/** How old what a text says of the kernel's figures and files may be, see docs/api.md, "Readings". */
const FRESH_MS = 20;

interface Kept {
  text: Buffer;
  madeMs: number;
  /** Values that were different if anything had happened since. */
  marks: readonly unknown[];
}

/**
 * Keeps a text about a container for 20 ms: one reading of the kernel serves all who ask within this time. Whatever
 * niwad tells or changes meanwhile, a change of limits, an exec, an end, lets the text be made anew.
 * @returns a function that gives the text
 */
export function keptBriefly(
  { events }: { events: Pick<Runtime['events'], 'last'> },
  make: (container: Container) => string,
): (container: Container) => Buffer {
  const texts = new Map<Container, Kept>();
  return (container) => {
    const kept = texts.get(container);
    const nowMs = performance.now();
    const marks = [events.last, ...container.view.marks()];
    if (kept !== undefined && nowMs - kept.madeMs < FRESH_MS && kept.marks.every((mark, i) => mark === marks[i]))
      return kept.text;
    const text = Buffer.from(make(container));
    if (texts.size === 0) setTimeout(() => texts.clear(), FRESH_MS).unref(); // texts take memory
    texts.set(container, { text, madeMs: nowMs, marks });
    return text;
  };
}
