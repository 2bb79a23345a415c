import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/**
 * A reader that has this much unread data is disconnected, because the daemon would have to keep the data in memory.
 */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

const BUFFER_BYTES = 256 * 1024;

export interface LineStream {
  /** Sends a value as one line of JSON. */
  push(value: object): void;
  end(): void;
}

/**
 * Answers with newline-delimited JSON as long as the peer is connected.
 * @param open begins to send; returns a function that stops sending, called once when the peer has gone
 */
export function streamLines(reply: FastifyReply, open: (stream: LineStream) => () => void): FastifyReply {
  const body = new Readable({ read: () => {}, highWaterMark: BUFFER_BYTES });
  const stream: LineStream = {
    push: (value) => {
      if (body.destroyed) return;
      if (body.readableLength > MAX_BACKLOG_BYTES) body.destroy(new Error('the reader is too slow'));
      body.push(`${JSON.stringify(value)}\n`);
    },
    end: () => {
      if (!body.destroyed) body.push(null);
    },
  };
  const close = open(stream);
  body.once('close', close);
  return sendLines(reply, body);
}

/**
 * Answers with newline-delimited JSON. Each value is made only when the peer has room for it.
 * @param values gives the values; the signal is aborted when the peer has gone
 */
export function streamValues(reply: FastifyReply, values: (left: AbortSignal) => AsyncIterable<object>): FastifyReply {
  return streamTexts(reply, (left) => linesOf(values(left)));
}

/** The same for lines that are JSON already, with their line ends. */
export function streamTexts(reply: FastifyReply, lines: (left: AbortSignal) => AsyncIterable<string>): FastifyReply {
  return sendLines(reply, Readable.from(lines(leaving(reply.raw)), { objectMode: false, highWaterMark: BUFFER_BYTES }));
}

/** Gives a signal that is aborted when the response has ended or the client has gone. */
export function leaving(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  if (response.destroyed) left.abort();
  response.once('close', () => left.abort());
  return left.signal;
}

async function* linesOf(values: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

/**
 * Sends the headers at once, even if the first line comes much later: they tell the peer that its request is accepted.
 */
function sendLines(reply: FastifyReply, body: Readable): FastifyReply {
  reply.raw.once('pipe', () => reply.raw.flushHeaders()); // Fastify and its plugins have set all headers by then
  reply.type('application/x-ndjson').header('cache-control', 'no-store');
  return reply.send(body);
}
