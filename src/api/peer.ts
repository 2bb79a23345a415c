import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller } from '../access/allowed.js';
import { NiwaError } from '../errors.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import type { Peer } from '../kernel/sockets.js';
import { parseId } from '../spec/ids.js';

/** `full` may do everything, `read` may look, `none` may do nothing. */
export type Role = 'full' | 'read' | 'none';

/** The groups of the configuration; null for none. */
export interface Groups {
  full: number | null;
  read: number | null;
}

/** Decides what a peer may do: root and members of one group all, members of another only look. */
export function roleOf(peer: Peer, groups: Groups): Role {
  const isMember = (gid: number | null) => gid !== null && peer.groups.includes(gid);
  if (peer.uid === 0 || isMember(groups.full)) return 'full';
  return isMember(groups.read) ? 'read' : 'none';
}

/**
 * Asks the kernel who is behind each new connection (SO_PEERCRED), once.
 * @returns gives the peer of a connection
 */
export function rememberPeers(server: Server): (socket: Socket) => Peer | undefined {
  const peers = new WeakMap<Socket, Peer>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    if (peer !== undefined) peers.set(socket, peer);
  });
  return (socket) => peers.get(socket);
}

/** Node.js does not show the descriptor of a socket in its public API; the handle has had it since its first version. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
}

/** Whether a client has gone, though nothing is read of its connection. */
export function hasHungUp(socket: Socket): boolean {
  const fd = descriptorOf(socket);
  return fd < 0 || kernel.sockets.isHungUp(fd);
}

function peerOf(socket: Socket): Peer | undefined {
  try {
    return kernel.sockets.peer(descriptorOf(socket));
  } catch (error) {
    if (isKernelError(error)) return undefined; // it has gone
    throw error;
  }
}

/**
 * Gives the number of a group named in the configuration, or null for none.
 * @throws NiwaError HOST_ERROR where /etc/group has no such name
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
 * Lets through whoever may use the socket at all.
 * @throws NiwaError FORBIDDEN
 */
export function requireKnown(peer: Peer | undefined, groups: Groups): asserts peer is Peer {
  if (peer !== undefined && roleOf(peer, groups) !== 'none') return;
  throw forbidden(
    peer,
    'not use this socket: only root and the groups of niwad\'s configuration ("group" and "readGroup") may',
  );
}

/** Gives who a peer is for the operations. @throws NiwaError FORBIDDEN where it may not use the socket at all */
export function callerOf(peer: Peer | undefined, groups: Groups): Caller {
  requireKnown(peer, groups);
  const role = roleOf(peer, groups) === 'full' ? 'full' : 'read';
  return { uid: peer.uid, gid: peer.groups[0] ?? peer.uid, role };
}

function forbidden(peer: Peer | undefined, may: string): NiwaError {
  const who = peer === undefined ? 'an unknown peer' : `user ${peer.uid}`;
  return new NiwaError('FORBIDDEN', `${who} may ${may}`);
}
