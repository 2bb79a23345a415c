import type { StoredContainer } from './store.js';

/** What a new daemon finds of a container that an earlier one wrote down. */
export interface Found {
  stored: Pick<StoredContainer, 'bootId' | 'phase'>;
  /** The boot that the host is in. */
  bootId: string;
  groupExists: boolean;
  /** Whether the ledger has the final record of this run. */
  recorded: boolean;
}

/**
 * What it does about it:
 *
 * - `keep`: it has exited and is only listed; what is left of it is removed
 * - `adopt`: it goes on; where it has ended meanwhile, its end is heard at once
 * - `undo`: nobody was told of it: it is ended, and recorded as a failed start
 * - `finish`: it has ended and its record is written; its last output may not be stored yet
 * - `close`: it has ended, its record is written, and there is no group any more
 * - `lose`: it has no record, and no group any more: it is recorded with what was known of it last
 */
export type Decision = 'keep' | 'adopt' | 'undo' | 'finish' | 'close' | 'lose';

/** Decides what becomes of a container after the death of its daemon. Pure. */
export function decide({ stored, bootId, groupExists, recorded }: Found): Decision {
  if (stored.phase === 'exited') return 'keep';
  const lives = groupExists && stored.bootId === bootId;
  if (recorded) return lives ? 'finish' : 'close';
  if (!lives) return 'lose';
  return stored.phase === 'making' ? 'undo' : 'adopt';
}
