import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, fstatSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '../api/api.js';
import type { Groups } from '../api/peer.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import { NiwaError } from '../protocol/errors.js';

/** The first descriptor that a service manager hands over, see sd_listen_fds(3). */
const FIRST_FD = 3;
const SOCKET_MODE = 0o660;
/**
 * How many clients may wait in the socket's queue; further ones get EAGAIN. The kernel allows up to net.core.somaxconn,
 * 4096.
 */
const BACKLOG = 4096;
/**
 * How long a stop waits until the answers of finished work are sent. It cannot wait for all: an upload may take any
 * time.
 */
const ANSWER_PATIENCE_MS = 1000;
const ANSWER_POLL_MS = 2;

/** The flag of a listening socket, and the number of the type SOCK_STREAM, in /proc/net/unix. */
const ACCEPTS = 0x10000;
const STREAM = 1;

/** The socket of the API: niwad makes it at a path, or a service manager has made it and keeps it. */
export interface Endpoint {
  path: string;
  /** The descriptor of the socket that a service manager has handed over; null for none. */
  fd: number | null;
}

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
 * Decides where to listen.
 * @param path the path of the socket, where no service manager has handed over one
 * @param listenFds how many sockets a service manager has handed over
 * @throws NiwaError HOST_ERROR where it has handed over something else than one listening Unix stream socket
 */
export function chooseEndpoint(path: string, listenFds: number): Endpoint {
  if (listenFds === 0) return { path, fd: null };
  if (listenFds > 1)
    throw new NiwaError(
      'HOST_ERROR',
      `LISTEN_FDS says ${listenFds} sockets, niwad takes one; leave a single ListenStream= in niwad.socket`,
    );
  const stat = socketStat(FIRST_FD);
  const found = stat && listeningSockets(readFileSync('/proc/net/unix', 'utf8')).get(stat.ino);
  if (found === undefined)
    throw new NiwaError(
      'HOST_ERROR',
      `descriptor ${FIRST_FD} is no listening Unix stream socket, though LISTEN_FDS says so; use ListenStream= with a path`,
    );
  return { path: found, fd: FIRST_FD };
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
  const listening = heldSocket(path) ?? makeSocket(path);
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

function makeSocket(path: string): number {
  rmSync(path, { force: true }); // this niwad holds the lock of the directory, so no other niwad listens at this path
  return kernel.sockets.listenAt(path, BACKLOG);
}

/**
 * Accepts no more connections, and closes idle ones. New clients wait in the queue of the socket until the next niwad
 * accepts them.
 */
export function stopListening(api: Api): void {
  api.server.close();
  api.server.closeIdleConnections();
}

/** Removes the file of the socket, unless a service manager has made it. */
export function unlisten({ path, fd }: Endpoint): void {
  if (fd === null) rmSync(path, { force: true });
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
