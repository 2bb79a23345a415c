// @ts-check
// The processor time of a process.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Gives the processor time of all threads that a process has now, in microseconds.
 * @param {number} pid
 */
export function cpuUsec(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return ns.reduce((sum, one) => sum + one, 0) / 1000;
}
