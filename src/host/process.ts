import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IDS_PER_CONTAINER } from '../spec/ids.js';
import type { IdRange } from './id-pool.js';

/**
 * Gives the start time of a process, in clock ticks since the boot. A pid is used again, pid and start time together
 * are not.
 * @param stat the text of /proc/PID/stat. The name of the program in it may contain spaces and parentheses, so fields
 * are counted from
 *   the last parenthesis on
 * @returns field 22, see proc(5)
 */
export function startTicksOf(stat: string): bigint {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return BigInt(fields[19] ?? 0);
}

/** Reads the start time of a process; gives 0n where there is no such process. */
export function readStartTicks(pid: number): bigint {
  try {
    return startTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return 0n;
  }
}

/**
 * PF_EXITING and PF_SIGNALED, flags of a process, and the bit of SIGKILL among pending signals, see
 * include/linux/sched.h.
 */
const ENDING_FLAGS = 0x4 | 0x400;
const SIGKILL_BIT = 1 << 8;

/**
 * Says whether a process goes on, that is, whether SIGKILL is neither pending nor about to end it. The end may take
 * long, since the kernel frees memory and closes files first. Reads fields 9 (flags), 22 (start time) and 31 (pending
 * signals), see proc(5).
 * @param stat the text of /proc/PID/stat
 * @param startTicks the start time of the process. If it differs, the pid belongs to another process now, and the
 * answer is no
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

/** Gives the id of this boot of the host: every boot has another one, see random(4). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** A process that was found in a group. */
export interface OldestProcess {
  pid: number;
  /** The start time in clock ticks: field 22 of /proc/PID/stat. */
  startTicks: bigint;
  /** The start time on CLOCK_BOOTTIME, in nanoseconds. */
  bornNs: bigint;
  /** The host ids of its user namespace, if these are a range as niwa gives it; else null. */
  idRange: IdRange | null;
}

/** The length of a clock tick in /proc: USER_HZ is 100 on every architecture that niwa runs on. */
const NS_PER_TICK = 10_000_000n;

/** Finds the oldest process in a group and in the groups below it; gives null where there is no process. */
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
    return []; // the group was removed meanwhile, or is threaded: then it has no list of processes
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
