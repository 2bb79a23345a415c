import { existsSync, mkdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Birth } from '../engine/maker.js';
import { MOST_OF_SOCKET_PATH } from '../kernel/sockets.js';
import type { OciConfig } from '../plan/oci/config.js';
import { containerOf, statusNow, type Verb } from './verb-parts.js';

/**
 * The socket by which a container tells that it is ready, where a service manager waits for that, see sd_notify(3). The
 * command listens there while it starts the container, and tells its manager.
 */

/** The name of the socket in its directory, and the place of that in a container where the manager has no path. */
const SOCKET = 'notify';
const USUAL = '/run/notify';
const VARIABLE = 'NOTIFY_SOCKET=';

/** Gives the directory of the socket, in the directory of a container. Pure. */
export function notifyDirectory(ofContainer: string): string {
  return join(ofContainer, 'notify');
}

/** Gives the socket in its directory. Pure. */
export function notifySocket(directory: string): string {
  return join(directory, SOCKET);
}

/**
 * Adds the directory of the socket to the mounts of a config, and the socket to its environment. Pure.
 * @param manager where the manager listens: the directory has this path in the container, as engines know it of crun
 */
export function withNotify(config: OciConfig, directory: string, manager: string): OciConfig {
  const place = isPlace(manager) ? manager : USUAL;
  const { process, mounts = [] } = config;
  const env = (process.env ?? []).filter((entry) => !entry.startsWith(VARIABLE));
  const options = ['bind', 'nosuid', 'nodev', 'noexec', 'ro'];
  return {
    ...config,
    mounts: [...mounts, { destination: place, type: 'bind', source: directory, options }],
    process: { ...process, env: [...env, `${VARIABLE}${place}/${SOCKET}`] },
  };
}

function isPlace(path: string): boolean {
  const isWhole = posix.isAbsolute(path) && posix.normalize(path) === path && path !== '/';
  return isWhole && Buffer.byteLength(`${path}/${SOCKET}`) <= MOST_OF_SOCKET_PATH;
}

/** Makes the directory before the process is made, when the directory of the container is there. */
export function afterMaking(directory: string, birth: Birth): Birth {
  return {
    plan: (view) => birth.plan(view),
    bear: (request) => {
      mkdirSync(directory, { mode: 0o755 });
      return birth.bear(request);
    },
  };
}

/**
 * Tells a command that will start a container where to listen for its word: the pid and the path; nothing where nobody
 * waited for the word at the creation.
 */
export const tellNotify: Verb = async (parts, call) => {
  const container = containerOf(parts, call);
  const directory = notifyDirectory(parts.runtime.directoryOf(container.id));
  const isAwaited = statusNow(parts, container) === 'created' && existsSync(directory);
  return isAwaited ? `${container.pid} ${notifySocket(directory)}` : '';
};
