import type { FieldProblem } from '../protocol/errors.js';
import type { BindMount, TmpfsMount } from '../protocol/resolved-spec.js';
import type { SpecInput } from '../protocol/spec.js';
import { show } from './problems.js';
import { sizeBytes } from './quantities.js';
import { isWithin, mapProblems, ownMaps } from './userns.js';

/** The mounts and devices of a container: the problems that a schema cannot find, and the defaults. Pure. */

/** Finds the problems of the targets of mounts that a schema cannot find. */
export function* mountProblems({ mounts = [] }: SpecInput): Iterable<FieldProblem> {
  for (const [i, { target }] of mounts.entries()) {
    const parts = target.split('/').filter((part) => part !== '');
    if (parts.length === 0 || parts.some((part) => part === '.' || part === '..'))
      yield {
        path: `mounts[${i}].target`,
        found: show(target),
        allowed: 'an absolute path below / without "." or ".." in it',
      };
  }
}

/** The most different id maps of the binds of one container. */
const MAX_MOUNT_MAPS = 16;

/**
 * Finds problems of the id maps of binds: each run of ids in such a map has to be in one run of ids of the container's
 * user namespace.
 */
export function* idmapProblems(input: SpecInput): Iterable<FieldProblem> {
  const own = ownMaps(input);
  const seen = new Set<string>();
  for (const [i, mount] of (input.mounts ?? []).entries()) {
    if (mount.type !== 'bind' || typeof mount.idmap !== 'object') continue;
    const path = `mounts[${i}].idmap`;
    for (const kind of ['uids', 'gids'] as const) {
      yield* mapProblems(`${path}.${kind}`, mount.idmap[kind]);
      for (const [k, run] of mount.idmap[kind].entries())
        if (own !== null && !own[kind].some((outer) => isWithin(run, outer)))
          yield {
            path: `${path}.${kind}[${k}].container`,
            found: show(run.container),
            allowed: 'ids that userns maps',
          };
    }
    seen.add(JSON.stringify(mount.idmap));
    if (seen.size === MAX_MOUNT_MAPS + 1)
      yield { path, found: `map ${seen.size}`, allowed: `at most ${MAX_MOUNT_MAPS} different maps` };
  }
}

/** Finds the problems of devices that a schema cannot find. */
export function* deviceProblems({ devices = [] }: SpecInput): Iterable<FieldProblem> {
  for (const [i, device] of devices.entries())
    if (device.split('/').some((part) => part === '.' || part === '..'))
      yield { path: `devices[${i}]`, found: show(device), allowed: 'a path below /dev without "." or ".." in it' };
}

/** Fills in the defaults of a mount. @param mapped whether the container has a user namespace */
export function normaliseMount(
  mount: NonNullable<SpecInput['mounts']>[number],
  mapped: boolean,
): BindMount | TmpfsMount {
  const readonly = mount.readonly ?? false;
  if (mount.type === 'bind') {
    const { source, target, idmap = 'auto', propagation = 'private' } = mount;
    return {
      type: 'bind',
      source,
      target,
      readonly,
      idmap: mapped || typeof idmap === 'object' ? idmap : false,
      propagation,
    };
  }
  if (mount.type === 'volume') {
    const { source: name, target } = mount;
    const volume = { name, uid: 0 }; // whose it is, and where, says locateVolumes()
    return { type: 'bind', source: '', target, readonly, idmap: mapped && 'auto', propagation: 'private', volume };
  }
  const { target, size } = mount;
  return { type: 'tmpfs', target, sizeBytes: size === undefined ? null : sizeBytes(size), readonly };
}
