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

/** Names this boot of the host, see random(4). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
