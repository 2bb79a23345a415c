/**
 * Moments at which niwad may die. Whatever the moment, the next niwad must neither lose anything nor do anything twice.
 * A test names a moment in NIWA_CRASH_AT: niwad then kills itself there, as `kill -9` would. From `record-appended` to
 * `end-finished` they are in native code (native/addon/crash_point.h).
 */
export const CRASH_POINTS = [
  'making-saved',
  'made',
  'connected',
  'created-saved',
  'started',
  'started-saved',
  'exit-heard',
  'record-appended',
  'record-written',
  'output-stored',
  'group-removed',
  'end-finished',
  'exit-saved',
  'disconnected',
  'exit-told',
  'exit-hooks-run',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

const wanted = process.env.NIWA_CRASH_AT;

/** Kills this process if a test has named this moment; does nothing otherwise. */
export function crashPoint(name: CrashPoint): void {
  if (wanted === name) process.kill(process.pid, 'SIGKILL');
}
