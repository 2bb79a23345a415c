import { setTimeout as sleep } from 'node:timers/promises';
import { LAST_PACKET_USEC } from './decide/leave.js';
import type { ServiceInstance } from './instance.js';
import type { RunningService } from './service.js';

const SECOND_USEC = 1_000_000;
/** How often the established connections of a routed instance are counted within the time after which it is idle. */
const COUNTS_WITHIN_IDLE = 10;

/** So long before the end of `drain` the connections are counted once more: the history says how many are cut. */
const BEFORE_CUT_USEC = 50_000;

/**
 * Counts the connections of an instance that was un-routed: when its last new one is there, and shortly before the
 * others are cut. In between it is counted at each tick.
 */
export async function countAfterUnrouting(service: RunningService, instance: ServiceInstance): Promise<void> {
  await null; // the other steps of the decision come first: their routes are set in the same transaction
  await service.applyRoutes();
  const sinceUsec = instance.mark.unrouted?.sinceUsec ?? 0;
  const cutUsec = service.declaration.service.drainUsec - BEFORE_CUT_USEC;
  for (const afterUsec of [LAST_PACKET_USEC, cutUsec].sort((a, b) => a - b)) {
    const ms = (sinceUsec + afterUsec - service.parts.clock()) / 1000;
    await sleep(Math.max(0, Math.ceil(ms)), undefined, { ref: false, signal: instance.over.signal }).catch(() => {});
    if (instance.phase !== 'unrouted' || instance.mark.unrouted?.sinceUsec !== sinceUsec) return;
    await countConnections(service, instance);
  }
}

/** Counts the established connections of an instance; one that is un-routed may be ended when it has none. */
export async function countConnections(service: RunningService, instance: ServiceInstance): Promise<void> {
  const { container } = instance;
  if (container === null || container.hasEnded) return;
  const { parts, declaration } = service;
  const sinceUsec = instance.mark.unrouted?.sinceUsec;
  instance.askedUsec = parts.clock();
  const hasTcp = declaration.service.listen.some(({ protocol }) => protocol === 'tcp');
  const count = hasTcp ? await parts.connectionsOf(container, instance.mark.port).catch(() => null) : 0;
  if (count === null || instance.mark.unrouted?.sinceUsec !== sinceUsec) return;
  instance.takeConnections(count, parts.clock());
  if (instance.phase === 'unrouted') service.decide();
}

/** Whether the established connections of an instance have to be counted in this second. */
export function isCountDue({ declaration }: RunningService, instance: ServiceInstance, nowUsec: number): boolean {
  const { idle } = declaration.service;
  const sinceUsec = nowUsec - instance.askedUsec;
  if (instance.phase === 'unrouted') return sinceUsec >= SECOND_USEC / 2;
  if (instance.phase !== 'routed' || idle.action === 'none') return false;
  return sinceUsec >= Math.max(SECOND_USEC / 2, idle.afterUsec / COUNTS_WITHIN_IDLE);
}
