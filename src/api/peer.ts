import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { NiwaError } from '../errors.js';
import { native, type Peer } from '../native.js';

/** Decides who may act: root, and members of the group, by primary or supplementary membership. */
export function mayAct(peer: Peer, gid: number | null): boolean {
  return peer.uid === 0 || (gid !== null && peer.groups.includes(gid));
}

/**
 * Asks the kernel who is behind each new connection (SO_PEERCRED), once.
 * @returns gives the peer of a connection
 */
export function rememberPeers(server: Server): (socket: Socket) => Peer | undefined {
  const peers = new WeakMap<Socket, Peer>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    if (peer === undefined) socket.destroy();
    else peers.set(socket, peer);
  });
  return (socket) => peers.get(socket);
}

/** Node.js does not show the descriptor of a socket in its public API; the handle has had it since its first version. */
function peerOf(socket: Socket): Peer | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
  const peer = fd < 0 ? -1 : native.peer(fd);
  return typeof peer === 'number' ? undefined : peer;
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
  const gid = line?.split(':')[2];
  if (gid === undefined)
    throw new NiwaError(
      'HOST_ERROR',
      `the group "${group}" of the configuration is not in /etc/group; make it with groupadd`,
    );
  return Number(gid);
}

/** The refusal of a peer. */
export function forbidden(peer: Peer | undefined): NiwaError {
  const who = peer === undefined ? 'an unknown peer' : `user ${peer.uid}`;
  return new NiwaError(
    'FORBIDDEN',
    `${who} may not use this socket: only root and the group of niwad's configuration ("group:") may`,
  );
}
