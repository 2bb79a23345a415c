import type { Scale } from '../../protocol/resolved-service.js';
import { type Draft, inPhase, type Level } from './draft.js';
import type { Instance, Situation } from './types.js';

/** Between two instances that are taken away. */
const BETWEEN_INS_USEC = 10_000_000;
/** After this, an instance without a reading no longer delays a decision. */
const READING_LATE_USEC = 3_000_000;

/** The load of one second: means over the instances that were measured. */
interface Load {
  readonly atUsec: number;
  /** The share of the periods that were throttled. */
  readonly throttled: number;
  /** The processors that all routed instances together would use without a quota. */
  readonly demand: number;
  /** The processors that the quota gives to one instance. */
  readonly quota: number;
}

/**
 * The level that throttled time wants: more where many periods were throttled in the last second or in two of the last
 * three, one less where few were for a whole window and the others would be used by less than half. Each set of
 * readings counts once. A service that cannot be scaled has one instance, or its minimum.
 */
export function scaledLevel(draft: Draft, kept: Level): Level {
  const { service, hasCpuController } = draft.situation;
  const { scale, minInstances } = service;
  if (scale === 'none' || !hasCpuController || draft.situation.cpuQuota === null)
    return kept.count <= Math.max(1, minInstances)
      ? kept
      : { count: Math.max(1, minInstances), cause: 'scale-in', why: 'nothing scales this service' };
  const load = loadOf(draft, scale);
  if (load === null) return kept;
  draft.memory = {
    ...draft.memory,
    lastScaleUsec: load.atUsec,
    shares: [...draft.memory.shares, load.throttled].slice(-3),
  };
  return out(draft, kept, load, scale) ?? fewer(draft, kept, load, scale) ?? kept;
}

function out(draft: Draft, kept: Level, load: Load, scale: Scale): Level | null {
  const { memory, nowUsec, situation } = draft;
  const isPanic = load.throttled >= scale.panic;
  const isHot = memory.shares.filter((share) => share >= scale.out).length >= 2;
  if (nowUsec < memory.settledUsec || !(isPanic || isHot) || isWarmingUp(draft, scale)) return null;
  const n = inPhase(draft, 'routed').length;
  const needed = Math.max(n + 1, Math.ceil(load.demand / (scale.target * load.quota)));
  const count = Math.min(situation.service.slots, 2 * n, needed);
  if (count <= kept.count) return null;
  draft.memory = { ...memory, shares: [], calmSinceUsec: null, settledUsec: nowUsec + scale.settleUsec };
  const share = `${percent(load.throttled)} of the periods were throttled`;
  const limit = isPanic ? `${percent(scale.panic)} at once` : `${percent(scale.out)} in 2 of 3 seconds`;
  const need = `${load.demand.toFixed(2)} processors are needed, ${load.quota.toFixed(2)} for each`;
  return { count, cause: 'scale-in', why: `${share} (${limit}), ${need}: ${kept.count} to ${count} instances` };
}

function fewer(draft: Draft, kept: Level, load: Load, scale: Scale): Level | null {
  const { memory, nowUsec, situation } = draft;
  const least = Math.max(1, situation.service.minInstances);
  const used = load.demand / (load.quota * (kept.count - 1));
  if (kept.count <= least || load.throttled >= scale.in || used >= 0.5) {
    draft.memory = { ...memory, calmSinceUsec: null };
    return null;
  }
  const calmSinceUsec = memory.calmSinceUsec ?? load.atUsec;
  draft.memory = { ...memory, calmSinceUsec };
  if (nowUsec - calmSinceUsec < scale.windowUsec || nowUsec - memory.lastInUsec < BETWEEN_INS_USEC) return null;
  draft.memory = { ...draft.memory, lastInUsec: nowUsec };
  const calm = `${percent(load.throttled)} of the periods were throttled (${percent(scale.in)} for a window)`;
  const why = `${calm}, the others are used by ${percent(used)}: ${kept.count} to ${kept.count - 1} instances`;
  return { count: kept.count - 1, cause: 'scale-in', why };
}

/** The load of the newest readings; null where none is new. */
function loadOf(draft: Draft, scale: Scale): Load | null {
  const { cpuQuota } = draft.situation;
  const routed = inPhase(draft, 'routed');
  const measured = routed.filter((one) => isMeasured(one, scale));
  const atUsec = Math.max(0, ...measured.map(({ reading }) => reading?.atUsec ?? 0));
  if (cpuQuota === null || atUsec <= draft.memory.lastScaleUsec) return null;
  const quota = cpuQuota.usec / cpuQuota.periodUsec;
  let [throttled, demand] = [0, 0];
  for (const one of measured) {
    const { share, used } = usageOf(one, cpuQuota);
    throttled += used >= quota / 2 ? share : 0;
    demand += used / (1 - Math.min(share, 0.5));
  }
  const { length } = measured;
  return { atUsec, throttled: throttled / length, demand: (demand / length) * routed.length, quota };
}

/**
 * What a reading tells of one instance. An almost idle one has a period now and then, so its throttled periods are
 * divided by the periods that the interval has time for; and what uses less than half of its quota needs no help
 * however its work is bunched (loadOf() leaves it out).
 */
function usageOf({ reading }: Instance, { periodUsec }: NonNullable<Situation['cpuQuota']>) {
  if (reading === null) return { share: 0, used: 0 };
  const periods = Math.max(reading.periods, reading.intervalUsec / periodUsec, 1);
  return { share: Math.min(1, reading.throttledPeriods / periods), used: reading.usageUsec / reading.intervalUsec };
}

/** Whether its reading is of a time in which it was routed and past its warm-up. */
function isMeasured({ reading, readyUsec, routedUsec }: Instance, scale: Scale): boolean {
  if (reading === null || readyUsec === null || routedUsec === null) return false;
  return reading.atUsec - reading.intervalUsec >= Math.max(readyUsec + scale.warmupUsec, routedUsec);
}

/** Whether an instance that was added has not shown its effect yet. A successor adds nothing. */
function isWarmingUp(draft: Draft, scale: Scale): boolean {
  return inPhase(draft, 'routed').some(
    (one) =>
      one.replaces === null &&
      !isMeasured(one, scale) &&
      draft.nowUsec < (one.routedUsec ?? 0) + scale.warmupUsec + READING_LATE_USEC,
  );
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
