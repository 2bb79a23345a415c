import type { IdMapping, IdMaps, Root, Spec } from '../protocol/resolved-spec.js';

/** Gives the id maps of a container's user namespace; null where it uses the host's. */
export function idMaps({ userns }: Spec, range: { start: number; size: number }): IdMaps | null {
  if (userns === 'host') return null;
  if (userns !== 'auto') return userns;
  const map = [{ container: 0, host: range.start, size: range.size }];
  return { uids: map, gids: map };
}

/** Writes an id map in the form of /proc/PID/uid_map, see user_namespaces(7). */
export function mapFile(map: readonly IdMapping[]): string {
  return map.map(({ container, host, size }) => `${container} ${host} ${size}\n`).join('');
}

/** Gives the words of the step that makes a user namespace. */
export function mapText({ uids, gids }: IdMaps): string {
  const [uid, gid] = [runs(uids), runs(gids)];
  return uid === gid ? `new user namespace: uids and gids ${uid}` : `new user namespace: uids ${uid}; gids ${gid}`;
}

/**
 * Gives the id maps of the mounts that have their own, each map once, in the form of mount_setattr(2). There
 * `container` is the id on disk. `host` is the host id that stands for the id in the container, by the map of the
 * container's user namespace.
 * @param maps the maps of the container's user namespace; null for the host's
 */
export function mountMaps({ mounts, diskIds }: Spec, maps: IdMaps | null): IdMaps[] {
  const own = mounts.flatMap((mount) =>
    mount.type === 'bind' && typeof mount.idmap === 'object' ? [mount.idmap] : [],
  );
  const once = new Map(
    [...own, ...(diskIds === undefined ? [] : [diskIds])].map((idmap) => [
      JSON.stringify(idmap),
      mountMap(idmap, maps),
    ]),
  );
  return [...once.values()];
}

/** Gives the id map of one mount in the form of mount_setattr(2). */
export function mountMap({ uids, gids }: IdMaps, maps: IdMaps | null): IdMaps {
  const turned = (map: IdMapping[], outer: IdMapping[] | undefined) =>
    map.map(({ container, host, size }) => ({ container: host, host: idOutside(outer, container), size }));
  return { uids: turned(uids, maps?.uids), gids: turned(gids, maps?.gids) };
}

/** Gives the words of the step that makes the id map of a mount. */
export function mountMapText({ uids, gids }: IdMaps): string {
  return `id map of a volume: uids on disk ${runs(uids)}; gids ${runs(gids)}`;
}

function runs(map: readonly IdMapping[]): string {
  return map
    .map(({ container, host, size }) => `${container}-${container + size - 1} to ${host}-${host + size - 1}`)
    .join(', ');
}

/**
 * Says whether a container may write to its root directory on the host. `root.readonly` does not change this: it makes
 * only the mount of the root read-only, and not the mounts that the host has below it.
 */
export function writesToRoot({ path, overlay }: Root): boolean {
  return path !== null && overlay === null;
}

/**
 * Gives the id with which to enter a user namespace: 0 where the map has it, else the id of the workload, which the map
 * always has.
 */
export function idInside(map: readonly IdMapping[], id: number): number {
  return map.some(({ container }) => container === 0) ? 0 : id;
}

/**
 * Gives the host id of an id in the container. It is the same id with the host's user namespace, or where the map does
 * not have it.
 */
export function idOutside(map: readonly IdMapping[] | undefined, id: number): number {
  const run = map?.find(({ container, size }) => id >= container && id < container + size);
  return run === undefined ? id : run.host + (id - run.container);
}
