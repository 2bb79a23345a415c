import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller } from '../access/allowed.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import type { Peer } from '../kernel/sockets.js';
import { NiwaError } from '../protocol/errors.js';
import { parseId } from '../spec/ids.js';

/**
 * `full`: the caller may do every operation. `read`: the caller may only look. `none`: the caller may not use the
 * socket.
 */
export type Role = 'full' | 'read' | 'none';

/** The groups of the configuration; null for no group. */
export interface Groups {
  full: number | null;
  read: number | null;
}

/**
 * Decides the role of a peer: root and the members of one group may do everything, the members of another group may
 * only look.
 */
export function roleOf(peer: Peer, groups: Groups): Role {
  const isMember = (gid: number | null) => gid !== null && peer.groups.includes(gid);
  if (peer.uid === 0 || isMember(groups.full)) return 'full';
  return isMember(groups.read) ? 'read' : 'none';
}

/**
 * Asks the kernel once for the process behind each new connection (SO_PEERCRED).
 * @returns a function that gives the peer of a connection
 */
export function rememberPeers(server: Server): (socket: Socket) => Peer | undefined {
  const peers = new WeakMap<Socket, Peer>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    if (peer !== undefined) peers.set(socket, peer);
  });
  return (socket) => peers.get(socket);
}

/**
 * The descriptor of a socket. Node.js's public API does not give it, but the internal handle has had it since its first
 * version.
 */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
}

/** Whether a client has closed its connection, although niwad is not reading from the connection. */
export function hasHungUp(socket: Socket): boolean {
  const fd = descriptorOf(socket);
  return fd < 0 || kernel.sockets.isHungUp(fd);
}

function peerOf(socket: Socket): Peer | undefined {
  try {
    return kernel.sockets.peer(descriptorOf(socket));
  } catch (error) {
    if (isKernelError(error)) return undefined; // the client has closed the connection already
    throw error;
  }
}

/**
 * Gives the number of a group in the configuration; null if the configuration names none.
 * @throws NiwaError HOST_ERROR if /etc/group has no such name
 */
export function groupNumber(group: string | number | null): number | null {
  if (group === null || typeof group === 'number') return group;
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${group}:`));
  const gid = parseId(line?.split(':')[2]);
  if (gid === undefined)
    throw new NiwaError(
      'HOST_ERROR',
      `the group "${group}" of the configuration is not in /etc/group; make it with groupadd`,
    );
  return gid;
}

/**
 * Throws unless the peer may use the socket.
 * @throws NiwaError FORBIDDEN
 */
export function requireKnown(peer: Peer | undefined, groups: Groups): asserts peer is Peer {
  if (peer !== undefined && roleOf(peer, groups) !== 'none') return;
  throw forbidden(
    peer,
    'not use this socket: only root and the groups of niwad\'s configuration ("group" and "readGroup") may',
  );
}

/**
 * Gives the caller behind a connection, as the operations need it. @throws NiwaError FORBIDDEN if the peer may not use
 * the socket
 */
export function callerOf(peer: Peer | undefined, groups: Groups): Caller {
  requireKnown(peer, groups);
  const role = roleOf(peer, groups) === 'full' ? 'full' : 'read';
  return { uid: peer.uid, gid: peer.groups[0] ?? peer.uid, role };
}

/**
 * Works out the caller behind each connection once: the peer of a connection and the groups stay the same.
 * @returns a function that gives the caller, see {@link callerOf}
 */
export function rememberCallers(
  peerOf: (socket: Socket) => Peer | undefined,
  groups: Groups,
): (socket: Socket) => Caller {
  const callers = new WeakMap<Socket, Caller>();
  return (socket) => {
    const known = callers.get(socket);
    if (known !== undefined) return known;
    const caller = callerOf(peerOf(socket), groups);
    callers.set(socket, caller);
    return caller;
  };
}

function forbidden(peer: Peer | undefined, may: string): NiwaError {
  const who = peer === undefined ? 'an unknown peer' : `user ${peer.uid}`;
  return new NiwaError('FORBIDDEN', `${who} may ${may}`);
}
