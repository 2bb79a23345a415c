import type { SavedState } from '../engine/state-files.js';

/** What a new daemon finds of a container that an earlier one wrote down. */
export interface Found {
  saved: Pick<SavedState, 'bootId' | 'phase'>;
  /** The boot that the host is in. */
  bootId: string;
  groupExists: boolean;
}

/**
 * What it does about it:
 *
 * - `keep`: it has exited and is only listed; what is left of it is removed
 * - `adopt`: it goes on; where it has ended meanwhile, its end is heard at once
 * - `undo`: nobody was told of it: it is ended, and recorded as a failed start
 * - `lose`: there is no group any more: what was known of it last is all there is
 *
 * Whether its final record is written already does not matter here: that is asked before a record is written.
 */
export type Decision = 'keep' | 'adopt' | 'undo' | 'lose';

/** Decides what becomes of a container after the death of its daemon. Pure. */
export function decide({ saved, bootId, groupExists }: Found): Decision {
  if (saved.phase === 'exited') return 'keep';
  if (!groupExists || saved.bootId !== bootId) return 'lose';
  return saved.phase === 'making' ? 'undo' : 'adopt';
}
