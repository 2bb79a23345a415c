import type { ContainerStatus, State } from '../protocol/container.js';
import { formatDuration } from '../protocol/units.js';
import { type Span, type Style, span } from './top/line.js';

/** How the states of containers look. */
export const STATE_STYLES: Record<State, Style> = {
  created: 'plain',
  running: 'good',
  paused: 'warning',
  stopping: 'warning',
  exited: 'dim',
};

type Shown = Pick<ContainerStatus, 'state' | 'ready' | 'exit' | 'restarts'> &
  Partial<Pick<ContainerStatus, 'ready_made'>>;

/**
 * Writes the state of a container in a few words: `ready-made`, `running`, `ready`, `exited (3)`, `exited (SIGSEGV)`,
 * `exited (lifetime, SIGKILL)`. An end of the program's own is told by its status alone; other reasons are named. One
 * that waits for its restart is `restarting in 2s (3)`, the exit being that of its last run.
 * @param now in milliseconds since 1970
 */
export function stateCell({ state, ready_made: isReadyMade = false, ready, exit, restarts }: Shown, now: number): Span {
  if (isReadyMade) return span('ready-made', STATE_STYLES[state]);
  if (exit === null)
    return span(state === 'running' && ready?.state === 'ready' ? 'ready' : state, STATE_STYLES[state]);
  const isOwnEnd = exit.reason === 'exited' || exit.reason === 'signaled';
  const words = [isOwnEnd ? null : exit.reason, exit.signal ?? exit.code].filter((word) => word !== null);
  const style = hasFailed(exit) ? 'alarm' : STATE_STYLES[state];
  return span(`${restarts.next_at === null ? state : waitText(restarts.next_at, now)} (${words.join(', ')})`, style);
}

function waitText(nextAt: string, now: number): string {
  return `restarting in ${formatDuration(Math.max(0, Date.parse(nextAt) - now) * 1000)}`;
}

/** Whether a container ended by a fault; one that was told to end has not failed, by whatever signal it ended. */
function hasFailed({ reason, code }: NonNullable<ContainerStatus['exit']>): boolean {
  if (reason === 'exited') return code !== 0;
  return reason === 'signaled' || reason === 'oom' || reason === 'start-failed';
}
