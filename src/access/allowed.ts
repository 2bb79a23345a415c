import type { IdRange } from '../host/id-pool.js';
import { realPaths } from '../host/sources.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Bounds } from '../spec/ceilings.js';
import { namesHostPaths } from '../spec/host-paths.js';

/** A user of the host and the user's primary group. */
export interface User {
  uid: number;
  gid: number;
}

/** `full`: the caller may do every operation. `read`: the caller may only look. */
export type Role = 'full' | 'read';

/** The user behind a request, and the user's role. */
export interface Caller extends User {
  role: Role;
}

/** Root may do everything. niwad's own requests are made as root. */
export const ROOT: Caller = { uid: 0, gid: 0, role: 'full' };

/** Gives the name by which a caller waits for fair turns, see src/turns/fair-turns.ts; null for root. */
export function nameForTurns({ uid }: Pick<Caller, 'uid'>): string | null {
  return uid === 0 ? null : `user ${uid}`;
}

/** The directories that the operator allows to callers other than root. */
export interface AllowedDirectories {
  /**
   * A root (a directory or an image file) must be below one of these. The host's own root directory is always allowed:
   * a container sees nothing private in it.
   */
  roots: string[];
  /** The source of a bind mount, and the directory for the writes of an overlay, must be below one of these. */
  sources: string[];
  /** The programs of hooks must be below one of these, because they run as root on the host. */
  hooks: string[];
}

/** The limits on requests of callers other than root, set by the operator. */
export interface Allowed extends AllowedDirectories {
  /** Whether these callers may switch protections off. */
  privileged: boolean;
  /** The highest bounds that these callers may set. */
  ceilings: Bounds;
  /** Whether these callers may drain the node. While the node is drained, no container of any customer starts. */
  drain: boolean;
  /** Whether these callers may have named volumes. What they write there is on niwad's disk, without a bound. */
  volumes: boolean;
  /** The host ids of the callers' files on disk, by the caller's uid, see withDiskIds(). */
  idRanges: ReadonlyMap<number, IdRange>;
  /** The real paths of the directories above. */
  real?: AllowedDirectories;
}

/** The limits on callers other than root if the configuration sets none, without the ceilings. */
export const NOTHING_ALLOWED: Omit<Allowed, 'ceilings'> = {
  roots: [],
  sources: [],
  hooks: [],
  privileged: false,
  drain: false,
  volumes: false,
  idRanges: new Map(),
};

/**
 * Adds the real paths of the allowed directories. A spec may then name such a directory by the configured path or by
 * its real path. Links are followed for each request, because they may change while niwad runs. A directory that does
 * not answer counts only by its configured path. For root, and for a spec that names no path of the host, this does
 * nothing.
 */
export async function withRealPaths(allowed: Allowed, spec: Spec, caller: User): Promise<Allowed> {
  if (caller.uid === 0 || !namesHostPaths(spec)) return allowed;
  const realPath = (path: string) => realPaths([path], 'the configuration').catch(() => []);
  const all = async (paths: string[]) => (await Promise.all(paths.map(realPath))).flat();
  const [roots, sources, hooks] = await Promise.all([all(allowed.roots), all(allowed.sources), all(allowed.hooks)]);
  return { ...allowed, real: { roots, sources, hooks } };
}
