import type { SavedState } from '../engine/saved-state-types.js';

/** What a new daemon finds of a container that an earlier daemon saved. */
export interface Found {
  saved: Pick<SavedState, 'bootId' | 'phase'>;
  /** The id of the host's current boot. */
  bootId: string;
  groupExists: boolean;
}

/**
 * What the new daemon does with the container:
 *
 * - `keep`: the container has exited and is only listed; what is left in the kernel is removed
 * - `adopt`: the container goes on; if it has ended meanwhile, its end is noticed at once
 * - `undo`: no client was told of the run: it is ended, and recorded as a failed start
 * - `lose`: the container's group is gone: only the last saved state is left
 *
 * Whether the final record is already written does not matter here: this is checked before a record is written.
 */
export type Decision = 'keep' | 'adopt' | 'undo' | 'lose';

/** Decides what a new daemon does with a container of an earlier daemon. Pure. */
export function decide({ saved, bootId, groupExists }: Found): Decision {
  if (saved.phase === 'exited') return 'keep';
  if (!groupExists || saved.bootId !== bootId) return 'lose';
  return saved.phase === 'making' ? 'undo' : 'adopt';
}
