import { wallTime } from '../engine/clock.js';
import type { ServiceInput } from '../protocol/service.js';
import type { InstanceStatus, ServiceState, ServiceStatus } from '../protocol/services.js';
import { countersOf } from './counters.js';
import { isFailing } from './decide/wake.js';
import type { ServiceInstance } from './instance.js';
import type { RunningService } from './service.js';

/** Gives the status of a service, as the API shows it. */
export function statusOf(service: RunningService): ServiceStatus {
  const { declaration, starts, wakes } = service;
  const { service: wanted, input, caller, hold, revision, createdAt, appliedAt } = declaration;
  return {
    name: wanted.name,
    owner: wanted.owner,
    labels: wanted.labels,
    state: stateOf(service),
    listen: (input as ServiceInput).listen,
    port: wanted.port,
    slots: wanted.slots,
    ahead: service.stock.status,
    min_instances: wanted.minInstances,
    ...{ hold, revision, uid: caller.uid, created_at: createdAt, applied_at: appliedAt },
    instances: [...service.instances.values()].map(instanceStatus),
    counters: countersOf(service),
    last_wake: wakes.last === null ? null : { at: wakes.last.at, ...wakes.last.latency },
    throttled_share: service.throttledShare,
    backoff_until: timeOf(service.backoffUntilUsec),
    last_failure: starts.last === null ? null : { ...starts.last, count: starts.failures.count },
    warnings: [...service.warnings],
    spec: wanted,
  };
}

function stateOf({ declaration, gate, instances, starts, wakes }: RunningService): ServiceState {
  const all = [...instances.values()];
  const phases = new Set(all.map(({ phase }) => phase));
  if (declaration.isRemoved) return 'removing';
  const isFailed = isFailing({ failures: starts.failures, instances: all.map(({ mark }) => mark) });
  const finishes = all.some(({ phase, connections }) => phase === 'unrouted' && (connections ?? 0) > 0);
  if (phases.has('routed') || finishes) return 'serving';
  if (gate.refusing === 'backoff' || gate.refusing === 'start-failed') return 'failing';
  const isComing = phases.has('starting') || phases.has('ready') || phases.has('thawing');
  if (isComing || wakes.waiting !== null) return 'waking';
  if (isFailed) return 'failing';
  return phases.has('frozen') ? 'frozen' : 'cold';
}

function instanceStatus(instance: ServiceInstance): InstanceStatus {
  const { id, phase, mark, destination, deadlineUsec, connections, isHealthy, view } = shown(instance);
  const { reading } = view;
  return {
    id,
    phase,
    revision: mark.revision,
    address: destination?.address ?? null,
    started_at: timeOf(mark.startedUsec),
    ready_at: timeOf(mark.readyUsec),
    routed_at: timeOf(mark.routedUsec),
    unrouted_at: timeOf(mark.unrouted?.sinceUsec ?? null),
    unrouted_cause: mark.unrouted?.cause ?? null,
    deadline_at: timeOf(deadlineUsec),
    replaces: mark.replaces,
    connections,
    healthy: isHealthy,
    throttled_share: reading === null || reading.periods === 0 ? null : reading.throttledPeriods / reading.periods,
  };
}

function shown(instance: ServiceInstance) {
  const { id, phase, mark, destination, deadlineUsec, connections, isHealthy } = instance;
  return { id, phase, mark, destination, deadlineUsec, connections, isHealthy, view: instance.view() };
}

function timeOf(usec: number | null): string | null {
  return usec === null ? null : wallTime(BigInt(Math.round(usec)) * 1000n).toISOString();
}
