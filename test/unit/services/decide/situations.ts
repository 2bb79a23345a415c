import type { Service } from '../../../../src/protocol/resolved-service.js';
import { decide } from '../../../../src/services/decide/decide.js';
import {
  type Instance,
  NO_MEMORY,
  type Phase,
  type Reading,
  type Situation,
} from '../../../../src/services/decide/types.js';

export const SECOND = 1_000_000;
/** The present of all situations: a moment well after the boot. */
export const NOW = 10_000 * SECOND;

/** A service with the defaults of the issue, four slots, and some of its fields changed. */
export function service(changes: Partial<Service> = {}): Service {
  return {
    name: 'shop',
    owner: null,
    labels: {},
    listen: [{ protocol: 'tcp', family: 4, address: null, port: 8080 }],
    port: 80,
    template: {},
    slots: 4,
    ahead: 0,
    minInstances: 0,
    wake: {
      timeoutUsec: 30 * SECOND,
      queue: 1024,
      from: null,
      backoff: { minUsec: SECOND, maxUsec: 60 * SECOND },
    },
    drainUsec: 30 * SECOND,
    idle: { afterUsec: 300 * SECOND, action: 'freeze' },
    scale: {
      out: 0.1,
      panic: 0.5,
      in: 0.02,
      target: 0.7,
      windowUsec: 30 * SECOND,
      warmupUsec: 2 * SECOND,
      settleUsec: 4 * SECOND,
    },
    live: null,
    ...changes,
  };
}

/** An instance in a phase: it has been there for 20 s, was busy just now, and has a lifetime of some minutes. */
export function instance(id: string, phase: Phase, changes: Partial<Instance> = {}): Instance {
  const isEarly = phase === 'starting';
  const isOut = phase === 'unrouted' || phase === 'frozen' || phase === 'thawing';
  const since = NOW - 20 * SECOND;
  return {
    id,
    revision: 1,
    phase,
    replaces: null,
    startedUsec: since,
    readyUsec: isEarly ? null : since,
    routedUsec: isEarly || phase === 'ready' ? null : since,
    unrouted: isOut ? { cause: 'scale-in', sinceUsec: NOW - 5 * SECOND } : null,
    thawedUsec: phase === 'thawing' ? NOW : null,
    deadlineUsec: isEarly ? null : NOW + 300 * SECOND,
    connections: 0,
    lastBusyUsec: NOW,
    reading: null,
    isHealthy: true,
    missing: null,
    ...changes,
  };
}

/** The readings of the last second: `used` processors, and how many of the ten periods were throttled. */
export function reading(used: number, throttledPeriods: number, changes: Partial<Reading> = {}): Reading {
  return { atUsec: NOW, intervalUsec: SECOND, usageUsec: used * SECOND, periods: 10, throttledPeriods, ...changes };
}

/** A situation of a service with these instances; starts take a second. */
export function situation(instances: readonly Instance[], changes: Partial<Situation> = {}): Situation {
  return {
    nowUsec: NOW,
    service: service(),
    revision: 1,
    replaceBelow: 0,
    hold: null,
    isRemoved: false,
    isDraining: false,
    instances,
    waiting: null,
    refusing: null,
    failures: { count: 0, lastUsec: 0 },
    startTimesUsec: [SECOND],
    hasCpuController: true,
    cpuQuota: { usec: 50_000, periodUsec: 100_000 },
    memory: NO_MEMORY,
    ...changes,
  };
}

/** The steps of a decision in short: `start`, `start for a`, `route a`, `unroute a: idle`, `refuse: backoff`. */
export function stepsOf(from: Situation): string[] {
  return decide(from).steps.map((step) => {
    const cause = 'cause' in step ? `: ${step.cause}` : '';
    const replaced = step.do === 'start' && step.replaces !== null ? ` for ${step.replaces}` : '';
    return `${step.do}${'id' in step ? ` ${step.id}` : replaced}${cause}`;
  });
}
