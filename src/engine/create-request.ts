import type { CreateRequest, CreateTemplate, Handle, LogBounds } from '../kernel/containers.js';
import { REACH_PROGRAM } from '../kernel/programs.js';
import { holdsMounts } from '../plan/namespaces.js';
import type { Plan } from '../plan/plan.js';
import type { CgroupWrite } from '../plan/resources.js';
import { idOutside, mapFile } from '../plan/userns.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';

/** Lays out what the kernel's side is asked for to make a container. Pure. */

/**
 * Gives what the requests for containers of one plan have in common.
 * @param log the bounds of the log; null where niwad does not store the output
 */
export function createTemplate(
  spec: Spec,
  { cgroup, clone, devices, image }: Plan,
  log: LogBounds | null,
): CreateTemplate {
  return {
    writes: cgroup.writes.map(pair),
    lateWrites: cgroup.lateWrites.map(pair),
    namespaces: clone.flags,
    pidNamespace: clone.pidNamespace,
    holdsMounts: holdsMounts(spec),
    image: image ?? '',
    reach: REACH_PROGRAM,
    devices,
    stdin: spec.process.stdin,
    log,
  };
}

function pair({ file, value }: CgroupWrite): readonly [file: string, value: string] {
  return [file, value];
}

/** What a request has of its container alone. */
export interface Own extends Pick<CreateRequest, 'files' | 'logDirectory' | 'networkOf' | 'program' | 'start'> {
  handle: Handle;
  /** The first of the host ids that only this container has; 0 where there are none. */
  owner: number;
  fifos: Pick<CreateRequest, 'stdout' | 'stderr'>;
}

/** Gives the request to make a container by its plan. */
export function createRequest(
  template: CreateTemplate,
  { id, process }: Spec,
  { cgroup, userns, mountMaps }: Plan,
  { handle, owner, fifos, files, logDirectory, networkOf, program, start }: Own,
): CreateRequest {
  return {
    template,
    handle,
    id,
    cgroup: cgroup.path,
    uidMap: userns === null ? '' : mapFile(userns.uids),
    gidMap: userns === null ? '' : mapFile(userns.gids),
    owner, // not an id of its own maps: they may begin with a user of the host
    mountMaps: mountMaps.map(mapPair),
    stdioUid: idOutside(userns?.uids, process.uid),
    stdioGid: idOutside(userns?.gids, process.gid),
    stdout: fifos.stdout,
    stderr: fifos.stderr,
    files,
    logDirectory,
    networkOf,
    program,
    start,
  };
}

function mapPair({ uids, gids }: IdMaps): readonly [uids: string, gids: string] {
  return [mapFile(uids), mapFile(gids)];
}
