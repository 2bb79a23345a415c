import { isFrozen } from '../host/cgroup.js';
import type { Adopted, Created } from '../kernel/containers.js';
import type { StartPhases } from '../protocol/phases.js';
import { wallTime } from './clock.js';
import { type Begun, NOT_STARTED } from './life.js';
import type { SavedState } from './state-files.js';

/** What is known of a container when this niwad begins to know it. */
export interface Past {
  begun: Begun;
  /** False where it ended when nobody looked. */
  endKnown: boolean;
  phases: Partial<StartPhases>;
  /** What came of its start, where it was started as soon as it was made. */
  started: Created['started'];
  saved: SavedState | null;
}

/** Gives the past of a container that this niwad has made. */
export function pastOfMade({ phases, started }: Pick<Past, 'phases' | 'started'>): Past {
  return { begun: NOT_STARTED, endKnown: true, phases, started, saved: null };
}

/**
 * Gives the past of a container of an earlier niwad that is still in the kernel.
 * @param saved its state file
 * @param adopted what the kernel says, which comes first
 * @param cgroup its group: whether it is paused
 */
export function pastOfAdopted(saved: SavedState, adopted: Adopted, cgroup: string): Past {
  const { startedNs, deadlineNs, stopping, endKnown } = adopted;
  const startedAt = dateOf(saved.startedAt) ?? (startedNs === 0n ? null : wallTime(startedNs));
  const going = startedNs === 0n ? 'created' : isFrozen(cgroup) ? 'paused' : 'running';
  const begun: Begun = { state: stopping ? 'stopping' : going, startedAt, startedNs, deadlineNs };
  return { begun, endKnown, phases: saved.phases ?? {}, started: null, saved };
}

/** Gives the past of a container of an earlier niwad that has ended. */
export function pastOfGone(saved: SavedState): Past {
  const begun: Begun = {
    state: 'stopping',
    startedAt: dateOf(saved.startedAt),
    startedNs: BigInt(saved.startedNs),
    deadlineNs: BigInt(saved.deadlineNs),
  };
  return { begun, endKnown: true, phases: saved.phases ?? {}, started: null, saved };
}

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
