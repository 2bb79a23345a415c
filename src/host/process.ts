import { readFileSync } from 'node:fs';

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
