import type { Op } from './op.js';
import { maskPath, readonlyPath } from './ops.js';

/**
 * Files that show or change the whole machine. They are hidden from containers. A name of {@link BUILT_IN} that the
 * host does not have is left out.
 */
const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/config.gz',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/kernel/vmcoreinfo',
];
/** Files that containers cannot write: a write to /proc/pressure would make the kernel watch the whole machine. */
const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/pressure', '/proc/sys', '/proc/sysrq-trigger'];
/**
 * Those of these files that only the kernel itself makes, while it boots. A kernel that runs without one never gets it.
 * The others come with modules, which may be loaded at any time: sound, scsi, powercap, the configuration.
 */
export const BUILT_IN = [
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/pressure',
  '/proc/sched_debug',
  '/proc/sysrq-trigger',
  '/proc/timer_list',
  '/proc/timer_stats',
] as const;

/**
 * Hides the files of the kernel that containers must not see, and makes others read-only.
 * @param absent the names of {@link BUILT_IN} that the host does not have
 */
export function protectionOps(absent: readonly string[]): Op[] {
  const isThere = (path: string) => !absent.includes(path);
  return [...MASKED.filter(isThere).map(maskPath), ...READONLY.filter(isThere).map(readonlyPath)];
}
