import { rmSync } from 'node:fs';
import type { Kernel } from '../kernel/kernel.js';

/** A listening socket: niwad makes it at a path, or a service manager has made it and keeps it. */
export interface Endpoint {
  path: string;
  /** The descriptor of the socket that a service manager has handed over; null for none. */
  fd: number | null;
}

/**
 * How many clients may wait in the queue of a socket; further ones get EAGAIN. The kernel allows up to
 * net.core.somaxconn, 4096.
 */
export const BACKLOG = 4096;

/**
 * Makes a listening Unix socket in place of the file at its path: this niwad holds the lock of the directory, so no
 * other niwad listens there.
 * @returns its descriptor
 * @throws KernelError
 */
export function makeSocket(path: string, { sockets }: Pick<Kernel, 'sockets'>): number {
  rmSync(path, { force: true });
  return sockets.listenAt(path, BACKLOG);
}

/** Removes the file of a socket, unless a service manager has made it. */
export function unlisten({ path, fd }: Endpoint): void {
  if (fd === null) rmSync(path, { force: true });
}
