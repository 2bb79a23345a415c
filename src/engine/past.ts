import type { Adopted, Created } from '../kernel/containers.js';
import type { StartPhases } from '../protocol/phases.js';
import { wallTime } from './clock.js';
import { type Begun, NOT_STARTED } from './life.js';
import type { SavedState } from './saved-state-types.js';

/** The facts about a container at the time when this niwad begins to manage it. */
export interface Past {
  begun: Begun;
  /** False if the container ended while no niwad watched it. */
  endKnown: boolean;
  phases: Partial<StartPhases>;
  /** The result of the start, if the container was started in the same step as it was made. */
  started: Created['started'];
  saved: SavedState | null;
}

/** Gives the past of a container that this niwad has made. */
export function pastOfMade({ phases, started }: Pick<Past, 'phases' | 'started'>): Past {
  return { begun: NOT_STARTED, endKnown: true, phases, started, saved: null };
}

/**
 * Gives the past of a container of an earlier niwad that the kernel's side still knows.
 * @param saved the saved state
 * @param adopted the facts from the kernel's side, which replace the saved ones
 */
export function pastOfAdopted(saved: SavedState, adopted: Adopted): Past {
  const { startedNs, deadlineNs, stopping, endKnown, frozen } = adopted;
  const startedAt = dateOf(saved.startedAt) ?? (startedNs === 0n ? null : wallTime(startedNs));
  const isPaused = frozen && !saved.isDumped;
  const going = startedNs === 0n ? 'created' : isPaused ? 'paused' : 'running';
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
