import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { NOTHING_ALLOWED, ROOT } from '../access/allowed.js';
import { preview } from '../containers/preview.js';
import { Planner } from '../engine/planner.js';
import { lookAtCgroupTree } from '../host/cgroup.js';
import { IdPool } from '../host/id-pool.js';
import { DEFAULT_ID_POOL, DEFAULT_NETWORK } from '../installation/defaults.js';
import { kernel } from '../kernel/addon.js';
import { segmentHere } from '../network/host.js';
import { Members } from '../network/members.js';
import type { Planned } from '../protocol/plan.js';
import type { SpecInput } from '../protocol/spec.js';
import { DEFAULT_BOUNDS, resolveBounds, UNBOUNDED } from '../spec/ceilings.js';

/**
 * Gives the plan that a niwad with the default configuration, without images and containers, would follow for a spec of
 * root.
 * @param cgroup the name of that niwad's group
 * @param runDir that niwad's run directory
 * @throws NiwaError SPEC_INVALID, HOST_UNSUPPORTED, NOT_FOUND, PATH_TIMEOUT, HOST_ERROR
 */
export function planOffline(input: SpecInput, cgroup: string, runDir: string): Promise<Planned> {
  const tree = lookAtCgroupTree(cgroup);
  const defaults = resolveBounds(DEFAULT_BOUNDS, totalmem());
  const segment = segmentHere(DEFAULT_NETWORK);
  const planner = new Planner({
    kernel,
    tree,
    stage: resolve(runDir, 'stage'),
    placeBytes: defaults.tmpfsBytes,
    idPool: new IdPool(DEFAULT_ID_POOL.start, DEFAULT_ID_POOL.count),
    members: new Members(segment),
    directoryOf: (id) => resolve(runDir, 'containers', id),
  });
  const allowed = { ...NOTHING_ALLOWED, ceilings: UNBOUNDED };
  return preview(input, ROOT, {
    tree,
    allowed,
    defaults,
    segment,
    freePorts: null,
    images: null,
    volumes: null,
    planner,
  });
}
