import type { PathCounts } from '../network/services/types.js';
import { countConnections, isCountDue } from './connections.js';
import { ownCounters } from './counters.js';
import { endInstance } from './instances.js';
import type { RunningService } from './service.js';

/**
 * The work of each second for one service: takes the counts of its path and the readings of its instances, tries again
 * what has failed, and decides. A service that sleeps and was asked for nothing has nothing to decide.
 */
export function tick(service: RunningService, counts: PathCounts | undefined, hasDrainChanged: boolean): void {
  const { instances, parts, gate, wakes } = service;
  const nowUsec = parts.clock();
  service.counts = counts ?? service.counts;
  for (const instance of instances.values()) {
    instance.takeReading();
    if (counts !== undefined) instance.takeRequests(counts.byInstance.get(instance.id) ?? 0, nowUsec);
    if (isCountDue(service, instance, nowUsec))
      service.inBackground(`the connections of ${instance.id} cannot be counted`, countConnections(service, instance));
    if (instance.phase === 'ending' && instance.container?.state === 'running')
      service.inBackground(`instance ${instance.id} cannot be ended`, endInstance(service, instance));
  }
  // a request of which nobody was told, since niwad was busy with the one before
  if ((counts?.heldNow ?? 0) > 0 && service.routed.length === 0 && gate.refusing === null) wakes.begin(nowUsec);
  service.inBackground('what the data path has refused cannot be tried again', gate.retry());
  const isAsleep = instances.size === 0 && wakes.waiting === null && gate.refusing === null;
  if (!isAsleep || hasDrainChanged) service.decide();
  service.minute.see(instances.size, instances.size === 0 ? null : service.throttledShare);
  if (service.minute.isOver(nowUsec)) endMinute(service);
  service.save();
}

/** Writes the figures of the minute down, also of one that is not over. */
export function endMinute(service: RunningService): void {
  const { history, instances, minute, parts } = service;
  const phases = [...instances.values()].map(({ phase }) => phase);
  const figures = minute.end(parts.clock(), ownCounters(service), phases);
  if (figures === null) return;
  history.addFigures(figures);
  service.touch();
}
