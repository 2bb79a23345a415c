import { writesToRoot } from '../plan/userns.js';
import type { FieldProblem } from '../protocol/errors.js';
import type { IdMapping, Spec } from '../protocol/resolved-spec.js';
import { IDS_PER_CONTAINER } from '../spec/ids.js';
import { show } from '../spec/problems.js';
import type { Allowed, User } from './allowed.js';

/**
 * The owner ids on disk of files that a container writes to places where the host can execute them. These must not be
 * the ids inside the container: uid 0 of the container would be uid 0 on disk, and the container's root user could make
 * programs there that are setuid root on the host.
 */

type IdRanges = Pick<Allowed, 'idRanges'>;

/**
 * Gives a spec with the ids that the container's files have on disk. A container of root keeps its own ids. A container
 * of another caller gets the ids of the caller's range; without a range, only the user of the container has an id
 * there, which is the caller's own. Places that the container cannot write to are not affected.
 * @param spec with real paths and a user by number; see diskIdProblems()
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

/** Reports a problem if the caller's range has no id for the user of the container. */
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
 * The reasons why a caller may not act in a container: the container writes to the host with ids that do not belong to
 * the caller. None if the caller is root.
 */
export function* idsOfOthers(spec: Spec, caller: User, allowed: IdRanges): Iterable<FieldProblem> {
  if (caller.uid === 0 || hasAll(spec, caller, allowed)) return;
  for (const path of mappedPlaces(spec))
    yield {
      path,
      found: 'files that belong to ids of other users on disk',
      allowed: `a container of user ${caller.uid}, or a container that only reads this path`,
    };
}

function hasAll({ diskIds }: Spec, { uid, gid }: User, { idRanges }: IdRanges): boolean {
  const range = idRanges.get(uid);
  const has = (own: number) => (run: IdMapping) =>
    (run.host === own && run.size === 1) ||
    (range !== undefined && run.host >= range.start && run.host + run.size <= range.start + range.size);
  return (diskIds?.uids.every(has(uid)) && diskIds.gids.every(has(gid))) ?? false;
}

/**
 * The fields of a spec that let a container write to the host with mapped ids. Places without a map do not matter:
 * there the container's processes have no ids of the host's users. Nor do volumes: no user of the host can enter them.
 */
function* mappedPlaces({ root, mounts }: Spec): Iterable<string> {
  const kept = root.overlay !== null && root.overlay.directory !== null;
  if (kept) yield 'root.overlay.directory';
  if (writesToRoot(root) && root.idmap !== 'unsupported') yield 'root.path';
  for (const [i, mount] of mounts.entries())
    if (
      mount.type === 'bind' &&
      mount.volume === undefined &&
      !mount.readonly &&
      mount.idmap !== false &&
      mount.idmap !== 'unsupported'
    )
      yield `mounts[${i}]`;
}
