/**
 * The moments between which a daemon must not lose or double anything. Tests name one in NIWA_CRASH_AT: the daemon then dies
 * there as by `kill -9`.
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
  'exit-saved',
  'group-removed',
  'disconnected',
  'exit-told',
  'exit-hooks-run',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

const wanted = process.env.NIWA_CRASH_AT;

/** Dies where a test wants it; otherwise nothing. */
export function crashPoint(name: CrashPoint): void {
  if (wanted === name) process.kill(process.pid, 'SIGKILL');
}
