import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, fstatSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '../api/api.js';
import type { Groups } from '../api/peer.js';
import { NiwaError } from '../errors.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';

/** The first descriptor that a service manager hands over, see sd_listen_fds(3). */
const FIRST_FD = 3;
const SOCKET_MODE = 0o660;
/** How many may connect before the event loop gets to them: more find EAGAIN. The kernel allows up to net.core.somaxconn, 4096. */
const BACKLOG = 4096;
/** How long a stop waits for the answers of what has been done; an upload may take any time. */
const ANSWER_PATIENCE_MS = 1000;
const ANSWER_POLL_MS = 2;

/** The flag of a socket that accepts connections, and the type SOCK_STREAM, as /proc/net/unix has them. */
const ACCEPTS = 0x10000;
const STREAM = 1;

/** Where the API listens: a path of our own, or a socket that a service manager has made and keeps. */
export interface Endpoint {
  path: string;
  /** The descriptor of a socket that was handed over. */
  fd: number | null;
}

/** Gives the path ("" for one without) of each listening stream socket in the text of /proc/net/unix, by its inode. */
export function listeningSockets(text: string): Map<number, string> {
  const rows = text.split('\n').map((line) => line.split(' ').filter((word) => word !== ''));
  const listening = rows.filter(
    ([, , , flags = '', type = '']) =>
      (Number.parseInt(flags, 16) & ACCEPTS) !== 0 && Number.parseInt(type, 16) === STREAM,
  );
  return new Map(listening.map(([, , , , , , inode, ...path]) => [Number(inode), path.join(' ')]));
}

/**
 * Gives where to listen.
 * @param path where, unless a service manager has handed over a socket
 * @param listenFds how many it has handed over
 * @throws NiwaError HOST_ERROR where that is not one listening Unix stream socket
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
 * Lets the API listen: on the socket that a service manager has handed over, which has the owner and mode that its maker gave it;
 * else on the one that the keeper held for the niwad before, with all who wait in its queue; else on one of our own, which
 * replaces what an earlier daemon left at its path. Those belong to the groups, and the keeper holds them for the next niwad.
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
 * Closes the socket that the niwad before listened on, also in the keeper. The kernel refuses the clients in its queue; they connect
 * again.
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
  closeSync(fd); // it is of another path, or its name was taken away
  return null;
}

function makeSocket(path: string): number {
  rmSync(path, { force: true }); // its name is held by us alone: nobody listens on it
  return kernel.sockets.listenAt(path, BACKLOG);
}

/** Takes no more connections, and closes the idle ones. Clients that come now wait in the queue of the socket for the next niwad. */
export function stopListening(api: Api): void {
  api.server.close();
  api.server.closeIdleConnections();
}

/** Takes away the socket, unless it is a service manager's. */
export function unlisten({ path, fd }: Endpoint): void {
  if (fd === null) rmSync(path, { force: true });
}

/**
 * Gives the answers that are still owed to requests which change something. What was done by then, its client has to hear: it
 * cannot send such a request again.
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

/** Listens on a descriptor. Fastify cannot do that, so the server of Node.js does; then niwad ends the connections at the close. */
async function listenOn(api: Api, fd: number): Promise<void> {
  const unanswered = rememberActs(api);
  api.addHook('preClose', async () => {
    const until = performance.now() + ANSWER_PATIENCE_MS;
    while (unanswered.size > 0 && performance.now() < until) await sleep(ANSWER_POLL_MS);
    api.server.closeAllConnections();
  });
  await api.ready();
  const listening = once(api.server, 'listening');
  api.server.listen({ fd }, BACKLOG); // of an options' backlog Node.js knows nothing beside a descriptor
  await listening;
}

/**
 * A file has one owning group; a second one is let in by an access control list. Where the file system has none, anybody may
 * connect, and the peer's credentials alone decide.
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
