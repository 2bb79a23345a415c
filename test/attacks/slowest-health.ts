import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What health may take: 50 ms and as much again on a machine that others use too, where the best of so many tries
 * counts.
 */
export const BOUND_MS = 100;
export const TRIES = 10;

/**
 * Asks for /v1/health over and over, on a connection that is there already, until `work` is done; gives the longest
 * time in milliseconds, and what came of the work.
 */
export async function slowestHealth<T>(
  socket: string,
  work: () => Promise<T>,
): Promise<{ slowest: number; result: T }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const health = () =>
    new Promise((resolve, reject) => {
      request({ socketPath: socket, path: '/v1/health', agent }, (response) => response.resume().on('end', resolve))
        .on('error', reject)
        .end();
    });
  try {
    await health();
    let done = false;
    const working = work().finally(() => {
      done = true;
    });
    let slowest = 0;
    do {
      const began = performance.now();
      await health();
      slowest = Math.max(slowest, performance.now() - began);
      await sleep(0);
    } while (!done);
    return { slowest, result: await working };
  } finally {
    agent.destroy();
  }
}
