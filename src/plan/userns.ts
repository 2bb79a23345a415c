import type { IdMapping, IdMaps, Spec } from '../spec/spec.js';

/** Gives the maps of a container's user namespace; null where it has the host's. */
export function idMaps({ userns }: Spec, range: { start: number; size: number }): IdMaps | null {
  if (userns === 'host') return null;
  if (userns !== 'auto') return userns;
  const map = [{ container: 0, host: range.start, size: range.size }];
  return { uids: map, gids: map };
}

/** Writes a map as /proc/PID/uid_map wants it, see user_namespaces(7). */
export function mapFile(map: readonly IdMapping[]): string {
  return map.map(({ container, host, size }) => `${container} ${host} ${size}\n`).join('');
}

/** Says in words what a user namespace maps. */
export function mapText({ uids, gids }: IdMaps): string {
  const words = (map: IdMapping[]) =>
    map
      .map(({ container, host, size }) => `${container}-${container + size - 1} to ${host}-${host + size - 1}`)
      .join(', ');
  const [uid, gid] = [words(uids), words(gids)];
  return uid === gid ? `new user namespace: uids and gids ${uid}` : `new user namespace: uids ${uid}; gids ${gid}`;
}

/** Gives 0 where the map has a root user, else the id that the workload will have: one that the map has. */
export function idInside(map: readonly IdMapping[], id: number): number {
  return map.some(({ container }) => container === 0) ? 0 : id;
}

/** Gives the host's id of an id in the container; the same where it has the host's user namespace, or does not map it. */
export function idOutside(map: readonly IdMapping[] | undefined, id: number): number {
  const run = map?.find(({ container, size }) => id >= container && id < container + size);
  return run === undefined ? id : run.host + (id - run.container);
}
