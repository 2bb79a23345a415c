import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { cureOfShortage, messageOf, NiwaError } from '../errors.js';
import { isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import { KEEPER_PROGRAM } from '../kernel/programs.js';

/** The small program that keeps the lifetimes of containers while there is no daemon: native/keeper/main.cc. */

/** A new keeper has nothing to do but to listen. */
const READY_MS = 10_000;

/**
 * Connects to the keeper behind a socket, starting one where there is none.
 * @returns the ids of the containers that it keeps and nobody has adopted
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

/** Starts a keeper in a session of its own: nothing that ends us ends it. It listens when this has resolved. */
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
    keeper.stdout?.destroy(); // not there where there are no descriptors
    keeper.stderr?.destroy();
    keeper.unref();
  }
}
