import type { Container } from '../engine/container.js';
import type { DrainStatus } from '../protocol/host.js';

/** Counts the containers that a drain still waits for. */
export function drainStatus(
  draining: boolean,
  containers: Pick<Container, 'id' | 'state' | 'deadlineAt'>[],
): DrainStatus {
  const live = containers.filter(({ state }) => state !== 'exited');
  const deadlines = live.flatMap(({ deadlineAt }) => (deadlineAt === null ? [] : [deadlineAt.getTime()]));
  const endless = live.filter(({ state, deadlineAt }) => state !== 'stopping' && deadlineAt === null);
  return {
    draining,
    remaining: live.length,
    ends_at: deadlines.length === 0 ? null : new Date(Math.max(...deadlines)).toISOString(),
    without_lifetime: endless.map(({ id }) => id),
  };
}
