import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NiwaError } from '../protocol/errors.js';
import { formatBytes } from '../protocol/units.js';

/**
 * Gives the bytes of memory that a container cannot give up: all but the page cache of files, which the kernel reclaims
 * for a lower limit. See "memory.stat" in the kernel's cgroup-v2.rst.
 * @param stat the text of memory.stat
 */
export function neededBytes(current: number, stat: string): number {
  const figures = new Map(stat.split('\n').map((line) => line.split(' ') as [string, string]));
  const cached = ['inactive_file', 'active_file'].map((name) => Number(figures.get(name) ?? 0));
  return cached.reduce((rest, bytes) => rest - bytes, current);
}

/**
 * Throws if a new limit is below the memory that a live container needs: the kernel would kill the container at once.
 * @param cgroup the container's group; without the memory controller there is no limit to check
 * @throws NiwaError STATE_CONFLICT
 */
export function requireRoom(id: string, cgroup: string, maxBytes: number | 'max' | undefined): void {
  if (typeof maxBytes !== 'number') return;
  const used = neededBytes(Number(readFile(cgroup, 'memory.current')), readFile(cgroup, 'memory.stat'));
  if (maxBytes >= used) return;
  throw new NiwaError(
    'STATE_CONFLICT',
    `container ${id} uses ${formatBytes(used)} of memory, page cache not counted: a limit of ${formatBytes(maxBytes)} would kill it; name more, or force it`,
  );
}

function readFile(cgroup: string, name: string): string {
  try {
    return readFileSync(join(cgroup, name), 'utf8');
  } catch {
    return '';
  }
}
