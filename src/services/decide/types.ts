import type { Service } from '../../protocol/resolved-service.js';

/**
 * What decide() takes and gives. The executor keeps three promises, on which the decisions rest:
 *
 * - It asks decide() again when anything of the situation changes, at `againUsec`, and each second while there are
 *   instances, requests that wait or refusals: then with new readings.
 * - A step shows in the next situation: a start as a `starting` instance, even while it is being made; an end as
 *   `ending`. An instance that has ended is not in the situation.
 * - It carries the steps of a decision out in their order. A step that fails changes nothing, and is decided again.
 */

/**
 * The phases of an instance. `starting`: its container is being made, or runs and does not answer yet. `ready`: it
 * answers over the way that requests take, and gets none yet. `routed`: new connections go to it. `unrouted`: it gets
 * no new connections and finishes those that it has; it may be routed again. `frozen`: unrouted and frozen; a request
 * thaws it. `thawing`: it was thawed, and has not answered since; then it is `ready`. `ending`: it was told to stop.
 */
export type Phase = 'starting' | 'ready' | 'routed' | 'unrouted' | 'frozen' | 'thawing' | 'ending';

/** Why an instance was taken out of the routes. */
export type UnrouteCause = 'replaced' | 'scale-in' | 'idle' | 'sick' | 'outdated' | 'held' | 'draining' | 'removed';

/** Why an instance is ended. `start-timeout` and `sick` count as failures of the service, see failures.ts. */
export type EndCause = UnrouteCause | 'start-timeout';

/** The readings of an instance's group over the last interval of about a second. */
export interface Reading {
  /** The end of the interval: each reading counts once. */
  readonly atUsec: number;
  readonly intervalUsec: number;
  readonly usageUsec: number;
  readonly periods: number;
  readonly throttledPeriods: number;
}

/** One instance as decide() sees it. All times are microseconds of CLOCK_BOOTTIME. */
export interface Instance {
  readonly id: string;
  /** The revision of the template that it was made of. */
  readonly revision: number;
  readonly phase: Phase;
  /** The instance that it shall replace, if it was started for that. */
  readonly replaces: string | null;
  readonly startedUsec: number;
  readonly readyUsec: number | null;
  /** When it was routed last. */
  readonly routedUsec: number | null;
  /** null for an instance that was never un-routed, or is routed again. */
  readonly unrouted: { readonly cause: UnrouteCause; readonly sinceUsec: number } | null;
  /** When it was thawed last; null for never. */
  readonly thawedUsec: number | null;
  /** The end of its lifetime; null for none, or while it is made. */
  readonly deadlineUsec: number | null;
  /**
   * How many connections are established, counted after its last un-routing; null where that is not known yet. A
   * service of UDP has none to count: 0.
   */
  readonly connections: number | null;
  /** The last moment at which it had a new or an established connection (UDP: received a packet); 0 for never. */
  readonly lastBusyUsec: number;
  /** null where there is no reading of this second, or no cpu controller. */
  readonly reading: Reading | null;
  /** False when the `live` check has failed as often as the service allows. */
  readonly isHealthy: boolean;
  /** What it lacks to be ready, in words; null for nothing. */
  readonly missing: string | null;
}

/** What decide() has to remember from one call to the next. A niwad that starts begins with {@link NO_MEMORY}. */
export interface Memory {
  /** How many instances shall serve; null for as many as there are. */
  readonly level: number | null;
  /** The last moment at which the service had a request; null for not known. */
  readonly busyUsec: number | null;
  /** The mean shares of throttled periods of the last seconds, the newest last. */
  readonly shares: readonly number[];
  /** No further scaling out before this time. */
  readonly settledUsec: number;
  /** Since when the load has been low enough for one instance less; null where it is not. */
  readonly calmSinceUsec: number | null;
  /** When the last instance was taken away by scaling in. */
  readonly lastInUsec: number;
  /** The end of the newest readings that were used: each second counts once. */
  readonly lastScaleUsec: number;
  /** The failure of a successor that was told last: each is told once. */
  readonly warnedUsec: number;
}

export const NO_MEMORY: Memory = {
  level: null,
  busyUsec: null,
  shares: [],
  settledUsec: 0,
  calmSinceUsec: null,
  lastInUsec: 0,
  lastScaleUsec: 0,
  warnedUsec: 0,
};

/** Starts of a service that failed in a row; see failures.ts for what counts. */
export interface Failures {
  readonly count: number;
  readonly lastUsec: number;
}

/** Everything that a decision depends on. */
export interface Situation {
  readonly nowUsec: number;
  readonly service: Service;
  /** The revision of the template that new instances are made of. A new one begins without failures. */
  readonly revision: number;
  /** Instances of revisions below this one are replaced at once (`apply --now`); 0 for none. */
  readonly replaceBelow: number;
  /** The number of instances that `niwa service scale NAME N` holds; null for none. */
  readonly hold: number | null;
  /** Whether the service was removed: its instances are drained and ended. */
  readonly isRemoved: boolean;
  /** Whether the node drains: it neither wakes nor replaces. */
  readonly isDraining: boolean;
  readonly instances: readonly Instance[];
  /** Requests that are held, or a `niwa service wake` that waits; null for none, and after a `refuse`. */
  readonly waiting: { readonly sinceUsec: number } | null;
  /** Why new requests are refused now: the cause of the last `refuse`; null after `accept`. */
  readonly refusing: RefuseCause | null;
  readonly failures: Failures;
  /** How long the last starts took until the instance was ready, in microseconds. */
  readonly startTimesUsec: readonly number[];
  /** Whether cpu.stat tells throttled periods on this host. */
  readonly hasCpuController: boolean;
  /** The cpu.max of an instance; null for no limit, and nothing is throttled. */
  readonly cpuQuota: { readonly usec: number; readonly periodUsec: number } | null;
  readonly memory: Memory;
}

/**
 * Why requests are refused. `start-failed`: they were held for a start that failed. `backoff`: they came after it,
 * before the next attempt. `timeout`: they were held for as long as the service allows.
 */
export type RefuseCause = 'backoff' | 'start-failed' | 'timeout' | 'draining' | 'held-at-zero' | 'removed';

/**
 * One thing to do. `why` is a sentence for the history, with its figures. The executor has one function for each kind.
 */
export type Step =
  | { readonly do: 'start'; readonly replaces: string | null; readonly why: string }
  | { readonly do: 'route'; readonly id: string; readonly why: string }
  | { readonly do: 'unroute'; readonly id: string; readonly cause: UnrouteCause; readonly why: string }
  | { readonly do: 'freeze'; readonly id: string; readonly why: string }
  | { readonly do: 'thaw'; readonly id: string; readonly why: string }
  /** Stops the container: SIGTERM, and SIGKILL after its grace period. */
  | { readonly do: 'end'; readonly id: string; readonly cause: EndCause; readonly why: string }
  /** Refuses the requests that are held, and new ones at once, until `accept`. */
  | { readonly do: 'refuse'; readonly cause: RefuseCause; readonly why: string }
  /** New requests may wake the service again. */
  | { readonly do: 'accept'; readonly why: string }
  /** Nothing changes, but an operator has to know: a line of the log, an event and an entry of the history. */
  | { readonly do: 'warn'; readonly why: string };

export interface Decision {
  readonly steps: readonly Step[];
  readonly memory: Memory;
  /** When decide() has to be called again if nothing happens until then; null where only an event changes anything. */
  readonly againUsec: number | null;
}
