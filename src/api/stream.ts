import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** A reader that lags behind by more than this is cut off: the daemon's memory is not its buffer. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

export interface LineStream {
  /** Sends a value as a line of JSON. Gives false where the reader lags. */
  push(value: object): boolean;
  end(): void;
}

/**
 * Answers with newline-delimited JSON for as long as the peer listens.
 * @param open begins to send; gives what ends that, called once when the peer has gone
 * @param drained called when a reader that lagged has caught up
 */
export function streamLines(
  reply: FastifyReply,
  open: (stream: LineStream) => () => void,
  drained: () => void = () => {},
): FastifyReply {
  const body = new Readable({ read: () => drained(), highWaterMark: 256 * 1024 });
  const stream: LineStream = {
    push: (value) => {
      if (body.destroyed) return true;
      if (body.readableLength > MAX_BACKLOG_BYTES) body.destroy(new Error('the reader is too slow'));
      return body.push(`${JSON.stringify(value)}\n`);
    },
    end: () => {
      if (!body.destroyed) body.push(null);
    },
  };
  const close = open(stream);
  body.once('close', close);
  reply.type('application/x-ndjson').header('cache-control', 'no-store');
  return reply.send(body);
}
