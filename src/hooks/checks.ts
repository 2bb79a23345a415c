import { request } from 'node:http';
import { Socket } from 'node:net';
import { type Handle, native } from '../native.js';
import type { ReadyCheck } from '../protocol/resolved-spec.js';
import type { Check } from './readiness.js';

/** Runs a program in a container, and kills it when `signal` is aborted; gives its exit status, null where it has none. */
export type RunInside = (args: string[], signal: AbortSignal) => Promise<number | null>;

/** Makes the check of a container: from within its network namespace, or by `run`. */
export function checkOf(handle: Handle, check: ReadyCheck, run: RunInside): Check {
  if (check.type === 'command') return async (signal) => (await run(check.args, signal)) === 0;
  if (check.type === 'http') return (signal) => answers(handle, check, signal);
  return (signal) => accepts(handle, check.port, signal);
}

async function accepts(handle: Handle, port: number, signal: AbortSignal): Promise<boolean> {
  const socket = await connect(handle, port, signal);
  socket?.destroy();
  return socket !== null;
}

/** Whether a request is answered with the right status; redirects are not followed and no body is read. */
async function answers(
  handle: Handle,
  { port, path, status }: Extract<ReadyCheck, { type: 'http' }>,
  signal: AbortSignal,
): Promise<boolean> {
  const socket = await connect(handle, port, signal);
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
async function connect(handle: Handle, port: number, signal: AbortSignal): Promise<Socket | null> {
  const turn = connecting.then(() => (signal.aborted ? -1 : native.connectIn(handle, port)));
  connecting = turn;
  const fd = await turn;
  if (fd < 0) return null;
  const socket = new Socket({ fd, readable: true, writable: true });
  socket.on('error', () => {});
  if (signal.aborted) socket.destroy();
  return signal.aborted ? null : socket;
}
