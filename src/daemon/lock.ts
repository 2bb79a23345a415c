import { connect } from 'node:net';
import { constants } from 'node:os';
import { NiwaError } from '../errors.js';
import { errnoName, native } from '../native.js';

/**
 * Makes sure that no two daemons share a directory: each is locked with flock(2), by whatever name it is called, until the end
 * of the process, however that comes.
 * @param directories what this daemon alone may use: how it is called towards people, and its path
 * @throws NiwaError STATE_CONFLICT where another daemon has one of them, HOST_ERROR
 */
export function holdAlone(directories: readonly { name: string; path: string }[]): void {
  for (const { name, path } of directories) {
    const errno = native.holdDirectory(path);
    if (errno === constants.errno.EAGAIN) throw inUse(name);
    if (errno !== 0) throw new NiwaError('HOST_ERROR', `cannot lock ${path}: ${errnoName(errno)}`);
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
        probe.destroy();
        reject(inUse(socket));
      })
      .once('error', () => resolve());
  });
}

function inUse(name: string): NiwaError {
  return new NiwaError(
    'STATE_CONFLICT',
    `another niwad uses ${name}; stop it, or give this one directories and a cgroup of its own`,
  );
}
