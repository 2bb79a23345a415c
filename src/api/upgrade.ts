import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NiwaError } from '../protocol/errors.js';
import { UPGRADE } from '../protocol/frames.js';
import { invalid, show } from '../spec/problems.js';
import type { Api } from './api.js';

const BODY_TIMEOUT_MS = 10_000;

/** The connections of requests that ask for another protocol. */
const upgrades = new WeakMap<IncomingMessage, Socket>();

/**
 * Handles requests with an Upgrade header by the same routes and hooks as all other requests. A route may then take
 * over the connection, see {@link takeConnection}. When the server closes, it closes these connections too.
 * @param maxBodyBytes the limit of a body, the same as for other requests
 */
export function acceptUpgrades(api: Api, maxBodyBytes: number): void {
  const open = new Set<Socket>();
  api.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    if (head.length > 0) socket.unshift(head);
    upgrades.set(request, socket);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => leave(socket));
    api.routing(request, response);
  });
  // Node.js does not read the body of a request that asks for an upgrade.
  api.addHook('preParsing', (request, _reply, payload, next) => {
    const socket = upgrades.get(request.raw);
    const length = Number(request.headers['content-length'] ?? 0);
    if (socket === undefined || !(length > 0) || length > maxBodyBytes) return next(null, payload);
    readBytes(socket, length).then((bytes) => next(null, Readable.from([bytes])), next);
  });
  api.addHook('preClose', async () => {
    for (const socket of open) socket.destroy();
  });
}

/**
 * Ends a connection whose request was refused. Bytes that still arrive are discarded: after a close, the client's write
 * would fail before the client has read the answer.
 */
function leave(socket: Socket): void {
  const destroy = () => void socket.destroy();
  socket.once('end', destroy).setTimeout(BODY_TIMEOUT_MS, destroy);
  socket.resume().end();
}

/** Reads exactly `length` bytes; later bytes stay in the socket. */
function readBytes(socket: Socket, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let missing = length;
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => socket.destroy(), BODY_TIMEOUT_MS);
    const gone = () => reject(new NiwaError('SPEC_INVALID', 'the body of the request did not arrive'));
    const take = () => {
      for (let piece = socket.read() as Buffer | null; piece !== null; piece = socket.read() as Buffer | null) {
        pieces.push(piece.subarray(0, missing));
        const rest = piece.subarray(missing);
        missing -= Math.min(missing, piece.length);
        if (missing > 0) continue;
        clearTimeout(timeout);
        socket.off('readable', take).off('close', gone);
        if (rest.length > 0) socket.unshift(rest);
        return resolve(Buffer.concat(pieces));
      }
    };
    socket.on('readable', take).once('close', gone);
    take();
  });
}

/**
 * Throws unless a request asks for niwa's protocol; to be called before the request is executed.
 * @throws NiwaError SPEC_INVALID
 */
export function requireUpgrade({ raw, headers }: FastifyRequest): void {
  if (upgrades.has(raw) && headers.upgrade?.toLowerCase() === UPGRADE) return;
  throw invalid('the request', [
    { path: 'headers.upgrade', found: show(headers.upgrade), allowed: `"${UPGRADE}", with "connection: upgrade"` },
  ]);
}

/**
 * Answers 101 and takes over the connection of a request that asks for niwa's protocol; the caller has to end the
 * connection.
 */
export function takeConnection({ raw }: FastifyRequest, reply: FastifyReply): Socket {
  const socket = upgrades.get(raw) as Socket;
  reply.hijack();
  reply.raw.detachSocket(socket);
  socket.setTimeout(0);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE}\r\n\r\n`);
  return socket;
}
