import type { IncomingMessage } from 'node:http';
import type { Api } from './api.js';

/** A whole request has so long to come, and of an upload each next piece. */
const REQUEST_TIMEOUT_MS = 30_000;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether its body may come for as long as it does come. */
    upload?: boolean;
  }
}

/**
 * Cuts off who sends a body slowly. Node.js has one time for all requests of a server; an upload of an image takes as long as
 * it takes, as long as it goes on.
 */
export function boundUploads(api: Api): void {
  api.addHook('onRequest', async ({ raw, routeOptions }) => {
    if (!raw.complete) cutOffSlow(raw, routeOptions.config.upload ?? false);
  });
  // Fastify would close the connection of a request whose body it has not read. The client would hear of that by a failed write,
  // before the answer; Node.js throws the rest of a body away where the connection stays.
  api.addHook('onSend', async ({ raw }, reply) => {
    if (!raw.complete) reply.removeHeader('connection');
  });
}

function cutOffSlow(request: IncomingMessage, upload: boolean): void {
  const { socket } = request;
  let seen = socket.bytesRead;
  const timer = setTimeout(() => {
    if (request.complete) return;
    const goesOn = socket.bytesRead > seen || request.readableLength > 0; // what is not read yet waits for us
    seen = socket.bytesRead;
    if (upload && goesOn) timer.refresh();
    else socket.destroy();
  }, REQUEST_TIMEOUT_MS).unref();
  request.once('close', () => clearTimeout(timer));
}
