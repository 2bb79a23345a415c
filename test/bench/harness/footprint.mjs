// @ts-check
// The memory of a daemon.
import { readdirSync, readFileSync } from 'node:fs';

/** @typedef {{ rss: number, pss: number }} Footprint in KiB */

/**
 * Gives the memory of a daemon and its keeper.
 * @param {number} pid of the daemon
 * @returns {Footprint}
 */
export function footprint(pid) {
  const session = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isKeeperOf(name, pid));
  const pss = [String(pid), ...session].reduce((sum, name) => sum + field(`/proc/${name}/smaps_rollup`, 'Pss'), 0);
  return { rss: field(`/proc/${pid}/status`, 'VmRSS'), pss };
}

/**
 * The keeper of a daemon has its run directory in its command line.
 * @param {string} name
 * @param {number} pid
 */
function isKeeperOf(name, pid) {
  try {
    const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
    const run = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return command[1] === `${run[run.indexOf('--run-dir') + 1]}/keeper.sock`;
  } catch {
    return false;
  }
}

/**
 * @param {string} path
 * @param {string} name
 */
function field(path, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
}
