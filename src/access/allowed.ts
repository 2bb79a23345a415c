import type { IdRange } from '../host/id-pool.js';
import { realPaths } from '../host/sources.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Bounds } from '../spec/ceilings.js';
import { namesHostPaths } from '../spec/host-paths.js';

/** A user of the host, and its primary group. */
export interface User {
  uid: number;
  gid: number;
}

/** What a caller may do with niwad: everything, or look. */
export type Role = 'full' | 'read';

/** Who asks for something, and its role. */
export interface Caller extends User {
  role: Role;
}

/** Root may ask for everything; niwad itself asks as root. */
export const ROOT: Caller = { uid: 0, gid: 0, role: 'full' };

/** Directories that the operator allows callers other than root. */
export interface AllowedDirectories {
  /** Directories below which a root may be, as a directory or a file. The host's own root is always allowed: it shows nothing private. */
  roots: string[];
  /** Directories below which the source of a bind mount may be, and what keeps the writes of an overlay. */
  sources: string[];
  /** Directories below which the programs of hooks may be: they run as root on the host. */
  hooks: string[];
}

/** What the operator lets callers other than root ask for. */
export interface Allowed extends AllowedDirectories {
  /** Whether they may switch protections off. */
  privileged: boolean;
  /** The most that they may ask for. */
  ceilings: Bounds;
  /** Whether they may drain the node: no customer's container starts then. */
  drain: boolean;
  /** The ids that callers have on disk, by their uid, see withDiskIds(). */
  idRanges: ReadonlyMap<number, IdRange>;
  /** Where the directories lead. */
  real?: AllowedDirectories;
}

/** What callers other than root may ask for where the configuration says nothing, but for the ceilings. */
export const NOTHING_ALLOWED: Omit<Allowed, 'ceilings'> = {
  roots: [],
  sources: [],
  hooks: [],
  privileged: false,
  drain: false,
  idRanges: new Map(),
};

/**
 * Adds to the directories that the operator allows where they lead, so that a spec may name one of them either way and its real
 * path is below one. The links are followed each time: they may be changed while niwad runs. Directories that do not answer
 * count as they are written. Takes no time where it does not matter.
 */
export async function withRealPaths(allowed: Allowed, spec: Spec, caller: User): Promise<Allowed> {
  if (caller.uid === 0 || !namesHostPaths(spec)) return allowed;
  const realPath = (path: string) => realPaths([path], 'the configuration').catch(() => []);
  const all = async (paths: string[]) => (await Promise.all(paths.map(realPath))).flat();
  const [roots, sources, hooks] = await Promise.all([all(allowed.roots), all(allowed.sources), all(allowed.hooks)]);
  return { ...allowed, real: { roots, sources, hooks } };
}
