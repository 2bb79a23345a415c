import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IDS_PER_CONTAINER } from '../spec/ids.js';
import type { IdRange } from './id-pool.js';

/**
 * Gives when a process was born, in clock ticks since the boot: with the pid it names one process for ever.
 * @param stat the text of /proc/PID/stat; the program's name in it may hold anything, so fields are counted from its end
 * @returns field 22, see proc(5)
 */
export function startTicksOf(stat: string): bigint {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return BigInt(fields[19] ?? 0);
}

/** Reads when a process was born; 0n where there is none. */
export function readStartTicks(pid: number): bigint {
  try {
    return startTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return 0n;
  }
}

/** PF_EXITING and PF_SIGNALED of the flags of a process, and SIGKILL among its signals, see include/linux/sched.h. */
const ENDING_FLAGS = 0x4 | 0x400;
const SIGKILL_BIT = 1 << 8;

/**
 * Whether a process goes on: SIGKILL has neither been sent to it nor begun to end it. Its end may take long, for what it holds
 * is given back first. Fields 9 (flags), 22 and 31 (signals that wait), see proc(5).
 * @param stat the text of /proc/PID/stat
 * @param startTicks when it was born; another process with its pid is not it
 */
export function goesOn(stat: string, startTicks: bigint): boolean {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ending = Number(fields[6]) & ENDING_FLAGS || Number(fields[28]) & SIGKILL_BIT;
  return startTicksOf(stat) === startTicks && !ending;
}

/** Asks the kernel whether a process goes on, see {@link goesOn}. */
export function readGoesOn(pid: number, startTicks: bigint): boolean {
  try {
    return goesOn(readFileSync(`/proc/${pid}/stat`, 'utf8'), startTicks);
  } catch {
    return false;
  }
}

/** Names this boot of the host, see random(4). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** A process that was found in a group. */
export interface OldestProcess {
  pid: number;
  /** Field 22 of /proc/PID/stat. */
  startTicks: bigint;
  /** The same on CLOCK_BOOTTIME, in nanoseconds. */
  bornNs: bigint;
  /** The host ids of its user namespace, where that has a range as niwa gives it; else null. */
  idRange: IdRange | null;
}

/** USER_HZ, the unit of the ticks in /proc, is 100 on every architecture that niwa runs on. */
const NS_PER_TICK = 10_000_000n;

/** Finds the oldest process in a group and those below it; null where there is none. */
export function oldestIn(group: string): OldestProcess | null {
  const born = pidsIn(group)
    .map((pid) => ({ pid, startTicks: readStartTicks(pid) }))
    .filter(({ startTicks }) => startTicks !== 0n)
    .sort((a, b) => Number(a.startTicks - b.startTicks) || a.pid - b.pid);
  const oldest = born[0];
  if (oldest === undefined) return null;
  return { ...oldest, bornNs: oldest.startTicks * NS_PER_TICK, idRange: idRangeOf(oldest.pid) };
}

function pidsIn(group: string): number[] {
  try {
    const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const own = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    return [...own, ...below.flatMap(({ name }) => pidsIn(join(group, name)))];
  } catch {
    return []; // it has gone meanwhile, or is threaded and has no processes of its own
  }
}

function idRangeOf(pid: number): IdRange | null {
  try {
    const [[inside, start = 0, size = 0] = [], ...more] = readFileSync(`/proc/${pid}/uid_map`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    return inside === 0 && size === IDS_PER_CONTAINER && more.length === 0 ? { start, size } : null;
  } catch {
    return null;
  }
}
