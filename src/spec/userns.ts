import type { FieldProblem } from '../protocol/errors.js';
import type { IdMapping, IdMaps } from '../protocol/resolved-spec.js';
import type { SpecInput } from '../protocol/spec.js';
import { capabilityName } from './capabilities.js';
import { IDS_PER_CONTAINER, LAST_ID } from './ids.js';
import { show } from './problems.js';
import { normaliseProcess } from './process.js';

/** The namespaces of a container and its id maps: the problems that a schema cannot find. Pure. */

const AUTO_MAP: IdMapping[] = [{ container: 0, host: 0, size: IDS_PER_CONTAINER }];

/** Finds the problems of the namespaces that a schema cannot find. */
export function* namespaceProblems(input: SpecInput): Iterable<FieldProblem> {
  const { mount = 'new', uts = 'new' } = input.namespaces ?? {};
  const own = 'nothing, or namespaces.mount "new": a mount namespace of others is taken as it is';
  if (mount !== 'new' && input.root !== undefined) yield { path: 'root', found: show(input.root), allowed: own };
  if (mount !== 'new' && input.mounts !== undefined) yield { path: 'mounts', found: show(input.mounts), allowed: own };
  if (uts === 'host' && input.hostname !== undefined)
    yield {
      path: 'hostname',
      found: show(input.hostname),
      allowed: 'nothing, or namespaces.uts "new": it would change the host\'s own name',
    };
}

/**
 * Capabilities over namespaces and over the machine. They have no effect if the container's user namespace does not own
 * these.
 */
const OUTSIDE_USERNS = [
  'NET_ADMIN',
  'NET_RAW',
  'NET_BROADCAST',
  'SYS_ADMIN',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_BOOT',
  'SYS_TIME',
  'MKNOD',
  'SYSLOG',
  'BPF',
  'PERFMON',
];

/** Finds the problems of the user namespace that a schema cannot find. */
export function* usernsProblems(input: SpecInput): Iterable<FieldProblem> {
  const { userns, namespaces = {}, capabilities = {} } = input;
  if (userns !== undefined && userns !== 'host' && (namespaces.mount ?? 'new') !== 'new')
    yield { path: 'userns', found: show(userns), allowed: '"host" where the mount namespace is not new' };
  if (userns === 'host' || (namespaces.mount ?? 'new') !== 'new') return;
  if (typeof userns === 'object') {
    yield* mapProblems('userns.uids', userns.uids);
    yield* mapProblems('userns.gids', userns.gids);
  }
  yield* userProblems(input);
  for (const [i, name] of (capabilities.add ?? []).entries())
    if (isOutsideUserns(name))
      yield {
        path: `capabilities.add[${i}]`,
        found: show(name),
        allowed: 'capabilities that act inside a user namespace; this one needs userns "host"',
      };
}

function isOutsideUserns(capability: string): boolean {
  const name = capabilityName(capability);
  return name !== undefined && OUTSIDE_USERNS.includes(name);
}

/** Finds the mappings of an id map that the kernel would refuse, see user_namespaces(7). */
export function* mapProblems(path: string, map: IdMapping[]): Iterable<FieldProblem> {
  for (const [i, mapping] of map.entries()) {
    const problem = (allowed: string) => ({ path: `${path}[${i}]`, found: show(mapping), allowed });
    const { container, host, size } = mapping;
    if (Math.max(container, host) + size - 1 > LAST_ID) yield problem(`ids up to ${LAST_ID}`);
    const overlaps = (side: 'container' | 'host') =>
      map.slice(0, i).some((other) => mapping[side] < other[side] + other.size && other[side] < mapping[side] + size);
    if (overlaps('container') || overlaps('host')) yield problem('ids that no mapping before it has, on either side');
  }
}

/** Finds a user that the id maps of the user namespace do not have: such a user does not exist in the container. */
function* userProblems({ process = {}, userns }: SpecInput): Iterable<FieldProblem> {
  const { user, uid, gid } = normaliseProcess(process);
  if (user === null) yield* unmappedUser(userns, uid, gid, process.user ?? 0);
}

/** Gives a problem for a user that the id maps do not have. @param found the user as the spec has it */
export function* unmappedUser(
  userns: SpecInput['userns'],
  uid: number,
  gid: number,
  found: unknown,
): Iterable<FieldProblem> {
  const { uids, gids } = typeof userns === 'object' ? userns : { uids: AUTO_MAP, gids: AUTO_MAP };
  const has = (map: IdMapping[], id: number) =>
    map.some(({ container, size }) => id >= container && id < container + size);
  if (has(uids, uid) && has(gids, gid)) return;
  const allowed =
    typeof userns === 'object'
      ? 'ids that userns maps'
      : `ids up to ${IDS_PER_CONTAINER - 1}; more need userns "host" or maps of their own`;
  if (Math.max(uid, gid) <= LAST_ID) yield { path: 'process.user', found: show(found), allowed };
}

/**
 * Gives the id maps of the container's user namespace, with host ids from 0 on for `auto`; null for the host's user
 * namespace.
 */
export function ownMaps({ userns = 'auto', namespaces = {} }: SpecInput): IdMaps | null {
  if (typeof userns === 'object') return userns;
  return userns === 'host' || (namespaces.mount ?? 'new') !== 'new' ? null : { uids: AUTO_MAP, gids: AUTO_MAP };
}

/** Says whether all ids of a run are in another run. */
export function isWithin(run: IdMapping, outer: IdMapping): boolean {
  return run.container >= outer.container && run.container + run.size <= outer.container + outer.size;
}
