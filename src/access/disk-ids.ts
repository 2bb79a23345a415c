import type { FieldProblem } from '../errors.js';
import { writesToRoot } from '../plan/userns.js';
import type { IdMapping, Spec } from '../protocol/resolved-spec.js';
import { IDS_PER_CONTAINER } from '../spec/ids.js';
import { show } from '../spec/problems.js';
import type { Allowed, User } from './allowed.js';

/**
 * Which ids the files have on disk that a container writes where the host can execute them. Were they the container's own, its
 * root user could make programs there that are setuid root on the host.
 */

type IdRanges = Pick<Allowed, 'idRanges'>;

/**
 * Gives a spec with the ids that a caller's container has on disk: of root's, its own; of others, those of the caller's range, or
 * without one the caller's own for the user of the container alone. What it cannot write to is left as it is.
 * @param spec with real paths, and a user that is known by number; see diskIdProblems()
 */
export function withDiskIds(spec: Spec, caller: User, { idRanges }: IdRanges): Spec {
  if (!needsDiskIds(spec, caller)) return spec;
  const { uid, gid } = spec.process;
  const range = idRanges.get(caller.uid);
  if (range === undefined) return { ...spec, diskIds: { uids: [one(uid, caller.uid)], gids: [one(gid, caller.gid)] } };
  const map = [{ container: 0, host: range.start, size: Math.min(range.size, IDS_PER_CONTAINER) }];
  return { ...spec, diskIds: { uids: map, gids: map } };
}

function one(container: number, host: number): IdMapping {
  return { container, host, size: 1 };
}

function needsDiskIds(spec: Spec, caller: User): boolean {
  return caller.uid !== 0 && spec.userns === 'auto' && [...mappedPlaces(spec)].length > 0;
}

/** A range that has no id for the user of the container. */
export function* diskIdProblems(spec: Spec, caller: User, { idRanges }: IdRanges): Iterable<FieldProblem> {
  const { uid, gid } = spec.process;
  const size = idRanges.get(caller.uid)?.size;
  if (size !== undefined && Math.max(uid, gid) >= size && needsDiskIds(spec, caller))
    yield {
      path: 'process.user',
      found: show(`${uid}:${gid}`),
      allowed: `ids below ${size}, since the caller has so many on disk (allow.idRanges), or nothing of the host that it can write to`,
    };
}

/**
 * What keeps a caller from acting in a container: it writes to the host with ids that are not the caller's. Nothing where the
 * caller is root.
 */
export function* idsOfOthers(spec: Spec, caller: User, allowed: IdRanges): Iterable<FieldProblem> {
  if (caller.uid === 0 || hasAll(spec, caller, allowed)) return;
  for (const path of mappedPlaces(spec))
    yield {
      path,
      found: 'files of other ids on disk',
      allowed: `a container of user ${caller.uid}, or one that only reads it`,
    };
}

function hasAll({ diskIds }: Spec, { uid, gid }: User, { idRanges }: IdRanges): boolean {
  const range = idRanges.get(uid);
  const has = (own: number) => (run: IdMapping) =>
    (run.host === own && run.size === 1) ||
    (range !== undefined && run.host >= range.start && run.host + run.size <= range.start + range.size);
  return (diskIds?.uids.every(has(uid)) && diskIds.gids.every(has(gid))) ?? false;
}

/** The fields of a spec that let a container write to the host with mapped ids: without a map nobody of it has ids of the host's users. */
function* mappedPlaces({ root, mounts }: Spec): Iterable<string> {
  const kept = root.overlay !== null && root.overlay.directory !== null;
  if (kept) yield 'root.overlay.directory';
  if (writesToRoot(root) && root.idmap !== 'unsupported') yield 'root.path';
  for (const [i, mount] of mounts.entries())
    if (mount.type === 'bind' && !mount.readonly && mount.idmap !== false && mount.idmap !== 'unsupported')
      yield `mounts[${i}]`;
}
