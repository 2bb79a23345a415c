import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../../engine/container.js';
import type { Parts } from '../parts.js';

/** CRIU freezes a group for less than this (`--timeout` of criu(8)), and thaws it then. */
const MOST_FROZEN_MS = 10_000;

/**
 * Lets another program freeze the group of a container while it writes the container into files. If it leaves the group
 * frozen, niwad thaws it, also the next niwad; a paused container stays frozen. To be called in the container's turn.
 * @param act resolves when the program has ended; its errors are those of this function
 */
export async function dump(parts: Pick<Parts, 'books' | 'registry'>, container: Container, act: () => Promise<void>) {
  container.control.beginDump();
  parts.books.save(container);
  try {
    await act();
  } finally {
    await endDump(parts, container);
  }
}

/**
 * Ends a dump that an earlier niwad has begun. The program may still be at work: it has the time that it needs, and the
 * container counts as running.
 */
export async function endOldDump(parts: Pick<Parts, 'books' | 'registry'>, container: Container): Promise<void> {
  await sleep(MOST_FROZEN_MS, undefined, { ref: false });
  await container.turns.run(() => endDump(parts, container));
}

/** Saves that a dump is over, where one was under way. Of a container that has ended, the end is saved already. */
export function forgetDump({ books, registry }: Pick<Parts, 'books' | 'registry'>, container: Container): void {
  if (container.control.endDump() && registry.hasThis(container) && !container.hasEnded) books.save(container);
}

async function endDump(parts: Pick<Parts, 'books' | 'registry'>, container: Container): Promise<void> {
  await container.control.thaw();
  forgetDump(parts, container);
}
