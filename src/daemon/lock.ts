import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { NiwaError } from '../errors.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import { listeningSockets } from './listen.js';

/** What one daemon alone may use. */
export interface Exclusive {
  /** How it is called towards people. */
  name: string;
  directory: string;
  /** A file in it that only root can open, which is made where it is not there. */
  lockFile: string;
}

/** The lock of a directory of ours. */
export const LOCK_FILE = 'lock';
/** The lock of a group: no file can be made in one, and of those in it only root may open this one (mode 0200). */
export const GROUP_LOCK_FILE = 'cgroup.kill';

/**
 * Makes sure that no two daemons share a directory, by whatever name it is called, until the end of the process, however that
 * comes. The lock is flock(2) on a file that only root can open. The directory itself is locked too, where nobody has done
 * that before: earlier versions of niwad lock only that, and it is still there when somebody removes the lock file. But
 * anybody who can open a directory can lock it, so that counts only where another niwad has done it.
 * @throws NiwaError STATE_CONFLICT where another daemon has one of them, HOST_ERROR
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
 * Gives the pids of those that hold flock(2) on a file, from the text of /proc/locks, see proc_locks(5). The device in it is
 * not that of stat(2) on every file system, so the inode alone decides.
 */
export function lockHolders(locks: string, inode: number): number[] {
  return locks
    .split('\n')
    .map((line) => /^[0-9]+: FLOCK +ADVISORY +\S+ +([0-9]+) [0-9a-f]+:[0-9a-f]+:([0-9]+) /.exec(line))
    .filter((found) => found !== null && Number(found[2]) === inode)
    .map((found) => Number(found?.[1]));
}

/** Whether a process belongs to root and runs Node.js. A user without root rights has no such process, not even by a setuid program. */
function isNiwad(pid: number): boolean {
  try {
    const program = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
    return statSync(`/proc/${pid}`).uid === 0 && basename(program) === basename(process.execPath);
  } catch {
    return false; // it has ended
  }
}

/**
 * Makes sure that nobody listens on a socket.
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

/** Gives the pid that called listen(2) for the other end; 0 where the kernel does not tell it. */
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
 * Whether a process that was told to listen on a socket still does. Where it has gone, the keeper holds the socket for the next
 * niwad: us, if it is our keeper; and the pid may be another process's by now. The socket may have been bound by another path
 * that leads to the same place, so the last name of it decides.
 */
export function listensAt(pid: number, path: string): boolean {
  try {
    const sockets = listeningSockets(readFileSync(`/proc/${pid}/net/unix`, 'utf8'));
    return openSockets(pid).some((inode) => basename(sockets.get(inode) ?? '') === basename(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'; // else it has ended
  }
}

/** Gives the inodes of the sockets that a process has open, see proc_pid_fd(5). No file is looked at: that may hang. */
function openSockets(pid: number): number[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).map((fd) => Number(/^socket:\[([0-9]+)\]$/.exec(linkOf(join(directory, fd)))?.[1]));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // it has been closed
  }
}

function inUse(name: string): NiwaError {
  return new NiwaError(
    'STATE_CONFLICT',
    `another niwad uses ${name}; stop it, or give this one directories and a cgroup of its own`,
  );
}
