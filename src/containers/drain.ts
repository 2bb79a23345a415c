import { type Static, Type } from 'typebox';
import type { Container } from '../engine/container.js';

/** How far a node is on its way to have no containers. */
export const DrainStatusSchema = Type.Object({
  draining: Type.Boolean({ description: 'whether new containers are refused' }),
  remaining: Type.Integer({ description: 'how many containers have not exited' }),
  ends_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description: 'the last deadline among them; null where there is none',
  }),
  without_lifetime: Type.Array(Type.String(), { description: 'those that no lifetime will end' }),
});

export type DrainStatus = Static<typeof DrainStatusSchema>;

/** Sums up what a drain still waits for. */
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
