import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { cureOfShortage } from '../host/errors.js';
import { isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import { KEEPER_PROGRAM } from '../kernel/programs.js';
import { messageOf, NiwaError } from '../protocol/errors.js';

/** The small program that keeps the lifetimes of containers while no daemon runs: native/keeper/main.cc. */

/** How long a new keeper may take until it listens on its socket; it has no other work before that. */
const READY_MS = 10_000;

/**
 * Connects to the keeper behind a socket; starts a keeper if none is listening there.
 * @returns the ids of the containers that the keeper watches and no niwad has adopted
 * @throws NiwaError HOST_ERROR
 */
export async function connectKeeper({ keeper }: Pick<Kernel, 'keeper'>, socket: string): Promise<string[]> {
  try {
    return await keeper.connect(socket);
  } catch (error) {
    if (!isKernelError(error)) throw error;
  }
  await startKeeper(socket);
  return await keeper.connect(socket);
}

/**
 * Starts a keeper in its own session, so that a signal to niwad's process group does not end the keeper. Resolves when
 * the keeper listens.
 */
async function startKeeper(socket: string): Promise<void> {
  const keeper = spawn(KEEPER_PROGRAM, [socket], {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    if (keeper.pid === undefined) throw (await once(keeper, 'error'))[0];
    const complaint = text(keeper.stderr).catch(() => '');
    const signal = AbortSignal.timeout(READY_MS);
    const [word] = await Promise.race([once(keeper.stdout, 'data', { signal }), once(keeper, 'exit').then(() => [''])]);
    if (String(word) !== 'ready\n') throw new Error((await complaint).trim());
  } catch (error) {
    keeper.kill('SIGKILL');
    const cure = cureOfShortage((error as NodeJS.ErrnoException).code ?? '') ?? 'build it with `npm run build`';
    throw new NiwaError('HOST_ERROR', `cannot start ${KEEPER_PROGRAM}: ${messageOf(error)}; ${cure}`, { cause: error });
  } finally {
    keeper.stdout?.destroy(); // undefined if the process has no free descriptors
    keeper.stderr?.destroy();
    keeper.unref();
  }
}
