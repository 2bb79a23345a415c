import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Peer } from '../kernel/sockets.js';
import { type ErrorBody, NiwaError } from '../protocol/errors.js';
import { toErrorReply } from './errors.js';
import { type Groups, requireKnown } from './peer.js';

/** How many connections may be open. */
export interface ConnectionLimits {
  /**
   * The limit for all callers other than root together. Root has the same number for itself, so that no caller can use
   * up root's connections.
   */
  connections: number;
  /** The limit for each user other than root. */
  connectionsPerUser: number;
}

/** Counts connections, and decides whether a user may open one more. Pure. */
export class Admission {
  readonly #limits: ConnectionLimits;
  readonly #byUser = new Map<number, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Counts one more connection of a user. @throws NiwaError TOO_MANY_REQUESTS */
  admit(uid: number): void {
    const { connections, connectionsPerUser } = this.#limits;
    const own = this.#byUser.get(uid) ?? 0;
    if (uid === 0 && own >= connections) throw tooMany('root has', 'maxConnections', connections);
    if (uid !== 0 && own >= connectionsPerUser)
      throw tooMany(`user ${uid} has`, 'connectionsPerUser', connectionsPerUser);
    if (uid !== 0 && this.#others() >= connections)
      throw tooMany('users other than root have', 'maxConnections', connections);
    this.#byUser.set(uid, own + 1);
  }

  /** Counts that a connection of a user is closed. */
  leave(uid: number): void {
    const left = (this.#byUser.get(uid) ?? 0) - 1;
    if (left > 0) this.#byUser.set(uid, left);
    else this.#byUser.delete(uid);
  }

  #others(): number {
    return [...this.#byUser].reduce((sum, [uid, count]) => (uid === 0 ? sum : sum + count), 0);
  }
}

function tooMany(who: string, setting: string, limit: number): NiwaError {
  return new NiwaError(
    'TOO_MANY_REQUESTS',
    `${who} ${limit} connections, as many as ${setting} of niwad's configuration allows; close some`,
  );
}

/**
 * Accepts or closes each new connection. A connection of a user who may not use the socket, or who has too many, is
 * closed at once, and nothing is read from it.
 * @param peerOf gives the process behind a connection
 * @param onRefused called for each connection that is closed, with what its client is told
 */
export function boundConnections(
  server: Server,
  peerOf: (socket: Socket) => Peer | undefined,
  groups: Groups,
  limits: ConnectionLimits,
  onRefused: (peer: Peer | undefined, reason: ErrorBody) => void = () => {},
): void {
  const admission = new Admission(limits);
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    try {
      requireKnown(peer, groups);
      admission.admit(peer.uid);
      socket.once('close', () => admission.leave(peer.uid));
    } catch (error) {
      const { status, body } = toErrorReply(error);
      onRefused(peer, body);
      turnAway(socket, status, body);
    }
  });
}

/**
 * Sends the reason and closes the connection, without reading what the client has sent. The kernel's buffer takes the
 * reason at once.
 */
function turnAway(socket: Socket, status: number, body: ErrorBody): void {
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  socket.on('error', () => {}); // the client may have closed the connection already
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
  socket.destroySoon();
}
