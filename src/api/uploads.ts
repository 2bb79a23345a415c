import type { IncomingMessage } from 'node:http';
import type { Api } from './api.js';

/** How long a whole request may take to arrive; for an upload, how long each next piece may take. */
const REQUEST_TIMEOUT_MS = 30_000;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body may take any time, as long as bytes keep arriving. */
    upload?: boolean;
  }
}

/**
 * Closes the connection of a client that sends a body too slowly. Node.js has only one time limit for all requests of a
 * server, but the upload of an image may take any time as long as bytes keep arriving.
 */
export function boundUploads(api: Api): void {
  api.addHook('onRequest', (request, _reply, next) => {
    const { raw } = request;
    if (!raw.complete && hasBody(raw)) cutOffSlow(raw, request.routeOptions.config.upload ?? false);
    next();
  });
  // Fastify would close the connection of a request whose body was not read. The client would then see a failed write
  // before it sees the answer. If the connection stays open, Node.js discards the rest of the body.
  api.addHook('onSend', ({ raw }, reply, payload, next) => {
    if (!raw.complete) reply.removeHeader('connection');
    next(null, payload);
  });
}

/** Whether a body belongs to a request, see RFC 9112, 6.3. Without one, the request is whole when its head has come. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function cutOffSlow(request: IncomingMessage, upload: boolean): void {
  const { socket } = request;
  let seen = socket.bytesRead;
  const timer = setTimeout(() => {
    if (request.complete) return;
    // bytes that niwad has not read yet count as progress
    const goesOn = socket.bytesRead > seen || request.readableLength > 0;
    seen = socket.bytesRead;
    if (upload && goesOn) timer.refresh();
    else request.destroy();
  }, REQUEST_TIMEOUT_MS).unref();
  request.once('close', () => clearTimeout(timer));
}
