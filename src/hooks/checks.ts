import { request } from 'node:http';
import { Socket } from 'node:net';
import type { Handle } from '../kernel/containers.js';
import { isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ReadyCheck } from '../protocol/resolved-hooks.js';
import { Turns } from '../turns/turns.js';
import type { Check } from './readiness.js';

/**
 * Runs a program in a container, and kills the program when `signal` is aborted. Gives its exit status; null if there
 * is none.
 */
export type RunInside = (args: string[], signal: AbortSignal) => Promise<number | null>;

/** Connects to a port inside a container; gives the socket's descriptor. */
type Connect = (port: number) => Promise<number>;

/**
 * Makes the readiness check of a container. Checks of ports connect inside the container's network namespace; a command
 * is run by `run`.
 */
export function checkOf(kernel: Pick<Kernel, 'network'>, handle: Handle, check: ReadyCheck, run: RunInside): Check {
  const inside: Connect = (port) => kernel.network.connectIn(handle, port);
  if (check.type === 'command') return async (signal) => (await run(check.args, signal)) === 0;
  if (check.type === 'http') return (signal) => answers(inside, check, signal);
  return (signal) => accepts(inside, check.port, signal);
}

async function accepts(inside: Connect, port: number, signal: AbortSignal): Promise<boolean> {
  const socket = await connect(inside, port, signal);
  socket?.destroy();
  return socket !== null;
}

/** Whether an HTTP request gets the right status. Redirects are not followed, and the body is not read. */
async function answers(
  inside: Connect,
  { port, path, status }: Extract<ReadyCheck, { type: 'http' }>,
  signal: AbortSignal,
): Promise<boolean> {
  const socket = await connect(inside, port, signal);
  if (socket === null) return false;
  const answered = await new Promise<number>((resolve, reject) => {
    request({ createConnection: () => socket, host: 'localhost', port, path, headers: { connection: 'close' }, signal })
      .on('response', ({ statusCode = 0 }) => resolve(statusCode))
      .on('error', reject)
      .end();
  }).finally(() => socket.destroy());
  return status === null ? answered >= 200 && answered < 400 : answered === status;
}

/**
 * A program whose queue of connections is full keeps a thread of Node.js's pool for a moment. So few are connected to
 * at once, over all containers.
 */
const connecting = new Turns(4);

/** Connects to a port when it is its turn; gives null where that fails, or `signal` was aborted before. */
async function connect(inside: Connect, port: number, signal: AbortSignal): Promise<Socket | null> {
  const fd = await connecting.run(async () => (signal.aborted ? null : await tryTo(inside, port)));
  if (fd === null) return null;
  const socket = new Socket({ fd, readable: true, writable: true });
  socket.on('error', () => {});
  if (signal.aborted) socket.destroy();
  return signal.aborted ? null : socket;
}

/** Gives null if the connection fails. */
async function tryTo(inside: Connect, port: number): Promise<number | null> {
  try {
    return await inside(port);
  } catch (error) {
    if (isKernelError(error)) return null;
    throw error;
  }
}
