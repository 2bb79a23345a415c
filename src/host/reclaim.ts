import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Turns } from '../turns/turns.js';

/** So much is asked for at once: a reclaim can be stopped between two pieces. */
const PIECE_BYTES = 64 * 1024 * 1024;

/** One at a time: a piece keeps a thread of the pool for as long as the kernel swaps, and all else needs these too. */
const turns = new Turns(1);

/**
 * Takes memory of a group, by memory.reclaim of cgroup v2: the kernel drops what is on the disk, and swaps the rest
 * out. It works while the group is frozen. EAGAIN means that the kernel has taken what it could.
 * @param isWanted asked before each piece
 */
export function reclaimMemory(cgroup: string, bytes: number, isWanted: () => boolean): Promise<void> {
  return turns.run(() => reclaim(cgroup, bytes, isWanted));
}

async function reclaim(cgroup: string, bytes: number, isWanted: () => boolean): Promise<void> {
  try {
    for (let left = bytes; left > 0 && isWanted(); left -= PIECE_BYTES)
      await writeFile(join(cgroup, 'memory.reclaim'), String(Math.min(left, PIECE_BYTES)));
  } catch {
    // the kernel has taken what it could, does not know this file (before Linux 5.19), or the group is gone
  }
}
