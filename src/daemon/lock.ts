import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import { NiwaError } from '../protocol/errors.js';
import { listeningSockets } from './listen.js';

/** A place that only one daemon may use. */
export interface Exclusive {
  /** Its name in messages. */
  name: string;
  directory: string;
  /** A file in the directory that only root can open. It is made where it is missing. */
  lockFile: string;
}

/** The lock file of a directory that niwad has made. */
export const LOCK_FILE = 'lock';
/**
 * The lock file of a group. No file can be made in a group; of the kernel's files, this one can be opened only by root
 * (mode 0200).
 */
export const GROUP_LOCK_FILE = 'cgroup.kill';

/**
 * Makes sure that no other daemon uses these directories, even by other paths, until this process ends in whatever way.
 * The lock is flock(2) on a file that only root can open. The directory itself is locked too, if no other process has
 * locked it, for two reasons: earlier versions of niwad lock only the directory; and its lock stays when somebody
 * removes the lock file. Every user who can open the directory can lock it, so a lock on it is respected only if a
 * niwad holds it.
 * @throws NiwaError STATE_CONFLICT where another daemon uses one of them, HOST_ERROR
 */
export function holdAlone(places: readonly Exclusive[]): void {
  for (const { name, directory, lockFile } of places) {
    try {
      kernel.host.holdFile(join(directory, lockFile));
    } catch (error) {
      throw isKernelError(error, 'EAGAIN') ? inUse(name) : error;
    }
    try {
      kernel.host.holdDirectory(directory);
    } catch (error) {
      if (isKernelError(error, 'EAGAIN') && isLockedByNiwad(directory)) throw inUse(name);
    }
  }
}

function isLockedByNiwad(directory: string): boolean {
  const { ino } = statSync(directory);
  return lockHolders(readFileSync('/proc/locks', 'utf8'), ino).some(isNiwad);
}

/**
 * Gives the pids of the processes that hold flock(2) on a file, from the text of /proc/locks, see proc_locks(5). On
 * some file systems the device there differs from that of stat(2), so only the inode is compared.
 */
export function lockHolders(locks: string, inode: number): number[] {
  return locks
    .split('\n')
    .map((line) => /^[0-9]+: FLOCK +ADVISORY +\S+ +([0-9]+) [0-9a-f]+:[0-9a-f]+:([0-9]+) /.exec(line))
    .filter((found) => found !== null && Number(found[2]) === inode)
    .map((found) => Number(found?.[1]));
}

/**
 * Says whether a process belongs to root and runs Node.js. Other users have no such process, not even through a setuid
 * program.
 */
function isNiwad(pid: number): boolean {
  try {
    const program = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
    return statSync(`/proc/${pid}`).uid === 0 && basename(program) === basename(process.execPath);
  } catch {
    return false; // the process has ended
  }
}

/**
 * Makes sure that no process listens on a socket.
 * @throws NiwaError STATE_CONFLICT
 */
export function requireFree(socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = connect(socket)
      .once('connect', () => {
        const listener = listenerOf(probe);
        probe.destroy();
        if (listener === 0 || listensAt(listener, socket)) reject(inUse(socket));
        else resolve();
      })
      .once('error', () => resolve());
  });
}

/**
 * Gives the pid of the process that called listen(2) for the other end of a connection; 0 where the kernel does not
 * tell.
 */
function listenerOf(socket: Socket): number {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
  try {
    return kernel.sockets.peer(fd).pid;
  } catch (error) {
    if (isKernelError(error)) return 0;
    throw error;
  }
}

/**
 * Says whether a process still listens on a socket. The kernel names the process that called listen(2). That process
 * may have ended: then the keeper holds the socket for the next niwad, which may be this one, and the pid may belong to
 * another process now. The socket may have been bound by another path to the same place, so only the last name of the
 * path is compared.
 */
export function listensAt(pid: number, path: string): boolean {
  try {
    const sockets = listeningSockets(readFileSync(`/proc/${pid}/net/unix`, 'utf8'));
    return openSockets(pid).some((inode) => basename(sockets.get(inode) ?? '') === basename(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'; // with another error the process has ended
  }
}

/**
 * Gives the inodes of the sockets that a process has open, see proc_pid_fd(5). Links are read, not followed: another
 * file may hang.
 */
function openSockets(pid: number): number[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).map((fd) => Number(/^socket:\[([0-9]+)\]$/.exec(linkOf(join(directory, fd)))?.[1]));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // the descriptor has been closed
  }
}

function inUse(name: string): NiwaError {
  return new NiwaError(
    'STATE_CONFLICT',
    `another niwad uses ${name}; stop it, or give this one directories and a cgroup of its own`,
  );
}
