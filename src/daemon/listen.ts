import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, fstatSync, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '../api/api.js';
import type { Groups } from '../api/peer.js';
import { BACKLOG, type Endpoint, makeSocket } from '../host/listening.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import { NiwaError } from '../protocol/errors.js';

/** The first descriptor that a service manager hands over, see sd_listen_fds(3). */
const FIRST_FD = 3;
const SOCKET_MODE = 0o660;
/**
 * How long a stop waits until the answers of finished work are sent. It cannot wait for all: an upload may take any
 * time.
 */
const ANSWER_PATIENCE_MS = 1000;
const ANSWER_POLL_MS = 2;

/** The flag of a listening socket, and the number of the type SOCK_STREAM, in /proc/net/unix. */
const ACCEPTS = 0x10000;
const STREAM = 1;

/** The name of the unit of the OCI socket, which systemd tells in LISTEN_FDNAMES. */
const OCI_UNIT = 'niwa-oci.socket';

/** The sockets that a service manager has handed over: descriptors from 3 on, and their names as far as it has any. */
export interface HandedOver {
  count: number;
  names: readonly string[];
}

export const NO_SOCKETS: HandedOver = { count: 0, names: [] };

/**
 * Gives the path of each listening stream socket in the text of /proc/net/unix, by the inode of the socket; "" for one
 * without a path.
 */
export function listeningSockets(text: string): Map<number, string> {
  const rows = text.split('\n').map((line) => line.split(' ').filter((word) => word !== ''));
  const listening = rows.filter(
    ([, , , flags = '', type = '']) =>
      (Number.parseInt(flags, 16) & ACCEPTS) !== 0 && Number.parseInt(type, 16) === STREAM,
  );
  return new Map(listening.map(([, , , , , , inode, ...path]) => [Number(inode), path.join(' ')]));
}

/**
 * Decides where to listen: on what a service manager has handed over, else at these paths. The socket of container
 * engines is known by the name of its unit or by its path; any other one is that of the API.
 * @throws NiwaError HOST_ERROR where it has handed over something else than one listening Unix stream socket for each
 */
export function chooseEndpoints(
  paths: { api: string; oci: string },
  { count, names }: HandedOver,
): { api: Endpoint; oci: Endpoint } {
  if (count > 2) throw tooMany(count, paths.oci);
  const listening = count === 0 ? new Map<number, string>() : listeningSockets(readFileSync('/proc/net/unix', 'utf8'));
  const handed = Array.from({ length: count }, (_, index) => endpointOf(FIRST_FD + index, listening));
  const isOci = ({ path }: Endpoint, index: number) => names[index] === OCI_UNIT || path === paths.oci;
  const oci = handed.filter(isOci);
  const api = handed.filter((endpoint, index) => !isOci(endpoint, index));
  if (oci.length > 1 || api.length > 1) throw tooMany(count, paths.oci);
  return { api: api[0] ?? { path: paths.api, fd: null }, oci: oci[0] ?? { path: paths.oci, fd: null } };
}

function endpointOf(fd: number, listening: ReadonlyMap<number, string>): Endpoint {
  const stat = socketStat(fd);
  const path = stat && listening.get(stat.ino);
  if (path === undefined)
    throw new NiwaError(
      'HOST_ERROR',
      `descriptor ${fd} is no listening Unix stream socket, though LISTEN_FDS says so; use ListenStream= with a path`,
    );
  return { path, fd };
}

function tooMany(count: number, oci: string): NiwaError {
  return new NiwaError(
    'HOST_ERROR',
    `LISTEN_FDS says ${count} sockets; niwad takes one for the API, and one at ${oci} or of ${OCI_UNIT}: leave a single ListenStream= in each of niwad.socket and ${OCI_UNIT}`,
  );
}

function socketStat(fd: number) {
  try {
    const stat = fstatSync(fd);
    return stat.isSocket() ? stat : undefined;
  } catch {
    return undefined; // no such descriptor
  }
}

/**
 * Lets the API listen on the first of these sockets that exists. First, the socket that a service manager has handed
 * over; it keeps the owner and mode that the service manager gave it. Second, the socket of the niwad before, which the
 * keeper has held; clients that wait in its queue are served. Else a new socket, which replaces the file at its path.
 * The second and third get the groups of the configuration, and the keeper holds them for the next niwad.
 * @throws NiwaError HOST_ERROR
 */
export async function listen(api: Api, { path, fd }: Endpoint, groups: Groups): Promise<void> {
  if (fd !== null) {
    closeHeld();
    return await listenOn(api, fd);
  }
  const listening = heldSocket(path) ?? makeSocket(path, kernel);
  openSocket(path, groups);
  kernel.keeper.hold(listening);
  await listenOn(api, listening);
}

/**
 * Closes the socket of the niwad before, also in the keeper. The kernel then refuses the clients that wait in its
 * queue, and these connect again.
 */
function closeHeld(): void {
  const fd = kernel.keeper.held();
  if (fd !== null) closeSync(fd);
  kernel.keeper.hold(null);
}

function heldSocket(path: string): number | null {
  const fd = kernel.keeper.held();
  if (fd === null) return null;
  const stat = socketStat(fd);
  const bound = stat && listeningSockets(readFileSync('/proc/net/unix', 'utf8')).get(stat.ino);
  if (bound === path && statSync(path, { throwIfNoEntry: false })?.isSocket()) return fd;
  closeSync(fd); // the socket has another path than this niwad is to use, or its file was removed
  return null;
}

/**
 * Accepts no more connections, and closes idle ones. New clients wait in the queue of the socket until the next niwad
 * accepts them.
 */
export function stopListening(api: Api): void {
  api.server.close();
  api.server.closeIdleConnections();
}

/**
 * Gives the answers that were not sent yet to requests which change something. Such a request cannot be sent again
 * without doing its work a second time, so its client has to get the answer.
 */
function rememberActs(api: Api): ReadonlySet<ServerResponse> {
  const unanswered = new Set<ServerResponse>();
  api.server.on('request', ({ method }: IncomingMessage, response: ServerResponse) => {
    if (method === 'GET') return;
    unanswered.add(response);
    response.once('close', () => unanswered.delete(response));
  });
  return unanswered;
}

/**
 * Listens on a descriptor by the server of Node.js, since Fastify cannot. Fastify then closes no connections at its
 * end; the hook does.
 */
async function listenOn(api: Api, fd: number): Promise<void> {
  const unanswered = rememberActs(api);
  api.addHook('preClose', async () => {
    const until = performance.now() + ANSWER_PATIENCE_MS;
    while (unanswered.size > 0 && performance.now() < until) await sleep(ANSWER_POLL_MS);
    api.server.closeAllConnections();
  });
  await api.ready();
  const listening = once(api.server, 'listening');
  api.server.listen({ fd }, BACKLOG); // as an argument: Node.js ignores an option `backlog` when there is a descriptor
  await listening;
}

/**
 * Lets root and both groups connect to the socket. A file has only one group, so the second group gets in by an access
 * control list. If the file system has no such lists, every user may connect, and only the check of the peer's
 * credentials keeps others out.
 */
function openSocket(path: string, { full, read }: Groups): void {
  chownSync(path, 0, full ?? read ?? 0);
  chmodSync(path, SOCKET_MODE);
  if (full === null || read === null) return;
  try {
    kernel.sockets.admitGroup(path, read);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    chmodSync(path, 0o666);
  }
}
