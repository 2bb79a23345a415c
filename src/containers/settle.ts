import { type Allowed, type Caller, withRealPaths } from '../access/allowed.js';
import { fenceOf, requireDiskIds, requirePermission } from '../access/permissions.js';
import type { CgroupTree } from '../host/cgroup.js';
import { resolveSources } from '../host/sources.js';
import { resolveUser } from '../images/user.js';
import type { FreePorts } from '../network/free-ports.js';
import { resolveNames } from '../network/host.js';
import type { Segment } from '../network/lease.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { type Bounds, tighter, withDefaults } from '../spec/ceilings.js';
import type { VolumeStore } from '../volumes/store.js';
import { locateVolumes, requireMappedVolumes } from './volumes.js';

export interface SettleOptions {
  tree: Pick<CgroupTree, 'controllers'>;
  /** The limits on requests of callers other than root. */
  allowed: Allowed;
  /** The bounds of a container whose spec sets none. */
  defaults: Bounds;
  segment: Segment;
  /** The named volumes; null for a plan without niwad. */
  volumes: VolumeStore | null;
  /** Chooses the ports of the host that the spec leaves open; null to leave them open, for a plan without niwad. */
  freePorts: Pick<FreePorts, 'choose'> | null;
}

/**
 * Fills in the parts of a spec that depend on this host: bounds, the real paths behind links, the number of the user,
 * the caller's ids on disk, name servers, ports of the host. Checks that the caller may use all of them.
 * @throws NiwaError FORBIDDEN, SPEC_INVALID, NOT_FOUND, ADDRESS_IN_USE; the errors of reach()
 */
export async function settle(named: Spec, caller: Caller, options: SettleOptions): Promise<Spec> {
  const written = locateVolumes(named, caller, options.volumes);
  const asker = `user ${caller.uid}` as const;
  const allowed = await withRealPaths(options.allowed, written, caller);
  requirePermission(written, caller, allowed);
  // If the root's path leads to the host's own root, the spec gets an overlay here. An overlay needs a bound, so bounds
  // come after this.
  const spec = bounded(await resolveSources(written, asker, fenceOf(caller, allowed)), caller, options);
  requirePermission(spec, caller, allowed, written);
  requireMappedVolumes(spec);
  const whole = resolveNames(requireDiskIds(await resolveUser(spec, asker), caller, allowed), options.segment);
  return options.freePorts === null ? whole : await options.freePorts.choose(whole);
}

function bounded(spec: Spec, caller: Caller, { allowed, defaults, tree }: SettleOptions): Spec {
  const bounds = caller.uid === 0 ? defaults : tighter(defaults, allowed.ceilings);
  return withDefaults(spec, bounds, tree.controllers.available);
}
