import { join } from 'node:path';
import type { CreateRequest } from '../../../src/kernel/containers.js';
import { encodeProgram } from '../../../src/plan/encode.js';
import type { Plan } from '../../../src/plan/plan.js';

/**
 * Gives what the addon is asked for to make a container in the host's user namespace, without limits, image and quota.
 */
export function createRequest(
  plan: Plan,
  directory: string,
  { handle, id, networkOf = 0 }: Pick<CreateRequest, 'handle' | 'id'> & Partial<Pick<CreateRequest, 'networkOf'>>,
): CreateRequest {
  return {
    handle,
    networkOf,
    start: null,
    id,
    cgroup: plan.cgroup.path,
    template: {
      writes: [],
      lateWrites: [],
      namespaces: plan.clone.flags,
      pidNamespace: '',
      holdsMounts: false,
      image: '',
      reach: '',
      devices: null,
      stdin: false,
      log: null,
    },
    uidMap: '',
    gidMap: '',
    owner: 0,
    mountMaps: [],
    files: [],
    logDirectory: '',
    stdout: join(directory, 'stdout'),
    stderr: join(directory, 'stderr'),
    stdioUid: 0,
    stdioGid: 0,
    program: encodeProgram(plan.boot),
  };
}
