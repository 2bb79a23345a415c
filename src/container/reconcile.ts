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
 * - `close`: its record is written: it has exited, only the daemon had no time to say so
 * - `adopt`: it goes on; where it has ended meanwhile, its end is heard at once
 * - `undo`: nobody was told of it: it is ended, and recorded as a failed start
 * - `lose`: there is no group any more: it is recorded with what was known of it last
 */
export type Decision = 'keep' | 'close' | 'adopt' | 'undo' | 'lose';

/** Decides what becomes of a container after the death of its daemon. Pure. */
export function decide({ stored, bootId, groupExists, recorded }: Found): Decision {
  if (stored.phase === 'exited') return 'keep';
  if (recorded) return 'close';
  if (stored.bootId !== bootId || !groupExists) return 'lose';
  return stored.phase === 'making' ? 'undo' : 'adopt';
}
