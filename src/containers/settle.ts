import { type Allowed, type Caller, withRealPaths } from '../access/allowed.js';
import { fenceOf, requireDiskIds, requirePermission } from '../access/permissions.js';
import type { CgroupTree } from '../host/cgroup.js';
import { resolveSources } from '../host/sources.js';
import { resolveUser } from '../images/user.js';
import { resolveDns } from '../network/host.js';
import type { Segment } from '../network/lease.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { type Bounds, tighter, withDefaults } from '../spec/ceilings.js';

export interface SettleOptions {
  tree: Pick<CgroupTree, 'controllers'>;
  /** What callers other than root may ask for. */
  allowed: Allowed;
  /** What a container gets whose spec sets no bound. */
  defaults: Bounds;
  segment: Segment;
}

/**
 * Settles what a spec leaves to this host: bounds, the real paths behind its links, the number of its user, the caller's ids on
 * disk, name servers. The caller may name all of it.
 * @throws NiwaError FORBIDDEN, SPEC_INVALID, NOT_FOUND; what reach() throws
 */
export async function settle(written: Spec, caller: Caller, options: SettleOptions): Promise<Spec> {
  const asker = `user ${caller.uid}` as const;
  const allowed = await withRealPaths(options.allowed, written, caller);
  requirePermission(written, caller, allowed);
  // A root that leads to the host's own gets its overlay here, which needs a bound as any other.
  const spec = bounded(await resolveSources(written, asker, fenceOf(caller, allowed)), caller, options);
  requirePermission(spec, caller, allowed, written);
  return resolveDns(requireDiskIds(await resolveUser(spec, asker), caller, allowed), options.segment);
}

function bounded(spec: Spec, caller: Caller, { allowed, defaults, tree }: SettleOptions): Spec {
  const bounds = caller.uid === 0 ? defaults : tighter(defaults, allowed.ceilings);
  return withDefaults(spec, bounds, tree.controllers.available);
}
