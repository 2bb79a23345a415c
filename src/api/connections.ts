import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { NiwaError } from '../errors.js';
import type { Peer } from '../kernel/sockets.js';
import { toErrorReply } from './errors.js';
import { type Groups, requireKnown } from './peer.js';

/** How many connections there may be. */
export interface ConnectionLimits {
  /** Of all callers but root together; root may have as many again, so that nobody can take root's. */
  connections: number;
  /** Of each user but root. */
  connectionsPerUser: number;
}

/** Decides who may have one more connection, and counts. Pure. */
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

  /** One connection of a user is closed. */
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
 * Lets in each new connection, or closes it at once: nothing is read of who may not use the socket, or has too many.
 * @param peerOf gives who is behind a connection
 */
export function boundConnections(
  server: Server,
  peerOf: (socket: Socket) => Peer | undefined,
  groups: Groups,
  limits: ConnectionLimits,
): void {
  const admission = new Admission(limits);
  server.on('connection', (socket: Socket) => {
    try {
      const peer = peerOf(socket);
      requireKnown(peer, groups);
      admission.admit(peer.uid);
      socket.once('close', () => admission.leave(peer.uid));
    } catch (error) {
      turnAway(socket, error);
    }
  });
}

/** Says why, which a kernel's buffer takes at once, and closes without a look at what was sent. */
function turnAway(socket: Socket, error: unknown): void {
  const { status, body } = toErrorReply(error);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  socket.on('error', () => {}); // it may have gone already
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
  socket.destroySoon();
}
