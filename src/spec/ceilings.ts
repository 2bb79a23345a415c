import type { FieldProblem } from '../protocol/errors.js';
import type { Limit, Spec } from '../protocol/resolved-spec.js';
import { sizeBytes } from './quantities.js';

/** The most that one container may have of what all containers share; null for no limit. */
export interface Bounds {
  pids: number | null;
  memoryBytes: number | null;
  /**
   * The most bytes of each tmpfs: the one with the writes over a root, each one such as `/tmp`, and each one of the
   * spec.
   */
  tmpfsBytes: number | null;
}

/**
 * The same in the form of the configuration: bytes, or a share of the host's memory such as "80%". A field that is left
 * out stays as it is.
 */
export interface BoundsInput {
  pids?: number | null;
  memory?: number | string | null;
  tmpfs?: number | string | null;
}

export const UNBOUNDED: Bounds = { pids: null, memoryBytes: null, tmpfsBytes: null };

/** The limits of a container whose spec has none. With them, no single container can use up the host. */
export const DEFAULT_BOUNDS: Required<BoundsInput> = { pids: 2048, memory: '80%', tmpfs: '10%' };

/** The highest limits that callers other than root may ask for. */
export const DEFAULT_CEILINGS: Required<BoundsInput> = { pids: 32_768, memory: '90%', tmpfs: '50%' };

export const SHARE_PATTERN = '^([1-9][0-9]?|100)%$';

/**
 * Turns shares of the host's memory into bytes.
 * @param hostBytes the host's memory
 */
export function resolveBounds({ pids, memory, tmpfs }: Required<BoundsInput>, hostBytes: number): Bounds {
  return { pids, memoryBytes: toBytes(memory, hostBytes), tmpfsBytes: toBytes(tmpfs, hostBytes) };
}

function toBytes(size: number | string | null, hostBytes: number): number | null {
  if (size === null) return null;
  const share = typeof size === 'string' && size.endsWith('%') ? Number.parseInt(size, 10) / 100 : undefined;
  return share === undefined ? sizeBytes(size) : Math.floor(hostBytes * share);
}

/** Gives the lower of two limits, for each field. */
export function tighter(a: Bounds, b: Bounds): Bounds {
  const least = (x: number | null, y: number | null) => (x === null ? y : y === null ? x : Math.min(x, y));
  return {
    pids: least(a.pids, b.pids),
    memoryBytes: least(a.memoryBytes, b.memoryBytes),
    tmpfsBytes: least(a.tmpfsBytes, b.tmpfsBytes),
  };
}

/**
 * Gives the spec with limits in place of those that it leaves out, and with a list of these (`spec.defaulted`). If the
 * host does not have the controller of a limit, this limit stays out.
 * @param available the controllers that this host has
 */
export function withDefaults(
  spec: Spec,
  { pids, memoryBytes, tmpfsBytes }: Bounds,
  available: readonly string[],
): Spec {
  const { resources, root } = spec;
  const setsPids = resources.pids === undefined && pids !== null && available.includes('pids');
  const setsMemory = resources.memory.maxBytes === undefined && memoryBytes !== null && available.includes('memory');
  const isUnbounded = root.overlay !== null && root.overlay.directory === null && root.overlay.sizeBytes === null;
  const bounded = { ...spec }; // what stands behind a spread in a literal takes V8 many times as long
  if (setsPids || setsMemory)
    bounded.resources = {
      ...resources,
      ...(setsPids ? { pids } : {}),
      ...(setsMemory ? { memory: { ...resources.memory, maxBytes: memoryBytes } } : {}),
    };
  if (isUnbounded && root.overlay !== null)
    bounded.root = { ...root, overlay: { ...root.overlay, sizeBytes: tmpfsBytes } };
  bounded.mounts = spec.mounts.map((mount) =>
    mount.type === 'tmpfs' ? { ...mount, sizeBytes: mount.sizeBytes ?? tmpfsBytes } : mount,
  );
  bounded.defaulted = [...(setsPids ? ['pids.max'] : []), ...(setsMemory ? ['memory.max', 'memory.oom.group'] : [])];
  return bounded;
}

/** Finds the limits in a spec that are above the ceilings. */
export function* aboveCeilings(
  { resources, root, mounts, shmSizeBytes }: Spec,
  ceilings: Bounds,
): Iterable<FieldProblem> {
  yield* limitsAbove({ pids: resources.pids, memory: resources.memory }, ceilings);
  yield* above('root.overlay.size', root.overlay?.sizeBytes ?? undefined, ceilings.tmpfsBytes);
  yield* above('shmSize', shmSizeBytes, ceilings.tmpfsBytes);
  for (const [i, mount] of mounts.entries())
    if (mount.type === 'tmpfs') yield* above(`mounts[${i}].size`, mount.sizeBytes ?? undefined, ceilings.tmpfsBytes);
}

/**
 * Finds the limits that are above the ceilings; "max" is above every ceiling. Limits that are left out are not checked.
 */
export function* limitsAbove(
  { pids, memory }: { pids?: Limit | undefined; memory: { maxBytes?: Limit | undefined } },
  ceilings: Bounds,
): Iterable<FieldProblem> {
  yield* above('resources.pids', pids, ceilings.pids);
  yield* above('resources.memory.max', memory.maxBytes, ceilings.memoryBytes);
}

function* above(path: string, limit: Limit | undefined, ceiling: number | null): Iterable<FieldProblem> {
  if (limit === undefined || ceiling === null || (limit !== 'max' && limit <= ceiling)) return;
  yield { path, found: String(limit), allowed: `at most ${ceiling}, by "ceilings" in niwad's configuration` };
}
