import { request } from 'node:http';
import { Socket } from 'node:net';
import type { Handle } from '../kernel/containers.js';
import { isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ReadyCheck } from '../protocol/resolved-hooks.js';
import type { Check } from './readiness.js';

/** Runs a program in a container, and kills it when `signal` is aborted; gives its exit status, null where it has none. */
export type RunInside = (args: string[], signal: AbortSignal) => Promise<number | null>;

/** Connects to a port inside a container; gives a descriptor. */
type Connect = (port: number) => Promise<number>;

/** Makes the check of a container: from within its network namespace, or by `run`. */
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

/** Whether a request is answered with the right status; redirects are not followed and no body is read. */
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

let connecting: Promise<unknown> = Promise.resolve();

/** Connects one at a time: a workload whose queue of connections is full can hold up a thread of Node.js's pool for a moment. */
async function connect(inside: Connect, port: number, signal: AbortSignal): Promise<Socket | null> {
  const turn = connecting.then(() => (signal.aborted ? null : tryTo(inside, port)));
  connecting = turn;
  const fd = await turn;
  if (fd === null) return null;
  const socket = new Socket({ fd, readable: true, writable: true });
  socket.on('error', () => {});
  if (signal.aborted) socket.destroy();
  return signal.aborted ? null : socket;
}

/** Gives null where nothing can be connected to. */
async function tryTo(inside: Connect, port: number): Promise<number | null> {
  try {
    return await inside(port);
  } catch (error) {
    if (isKernelError(error)) return null;
    throw error;
  }
}
