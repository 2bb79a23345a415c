import { clearPlace, makeGroupsAbove, removeGroupsAbove } from '../../host/group-place.js';
import type { Kernel } from '../../kernel/kernel.js';
import { insideGroupOf } from '../../plan/oci/group.js';
import { isNamedByNiwad } from './group.js';
import type { Resource } from './resource.js';

/** The groups of containers that are being made or live, by the id of the container. */
type Places = Map<string, { name: string; cgroup: string }>;

/**
 * The place of the group of a container whose engine says where it is, until the container has ended, and the groups
 * above it.
 */
export function engineGroups(kernel: { host: Pick<Kernel['host'], 'groupOwner'> }) {
  const places: Places = new Map();
  return { groupPlace: groupPlace(places, kernel), groupsAbove: groupsAbove(places) };
}

/**
 * No group above may be the group of another container, also of one whose group is not made yet. An empty group where
 * that of the container will be goes.
 */
function groupPlace(places: Places, { host }: { host: Pick<Kernel['host'], 'groupOwner'> }): Resource {
  return {
    acquire({ id, spec, cgroup }) {
      if (spec.oci === undefined) return;
      const others = [...places.values()];
      const outer = others.find((other) => cgroup.startsWith(`${other.cgroup}/`));
      if (outer !== undefined) throw insideGroupOf(cgroup, outer.name);
      // one that is being made has no mark yet, or needs the group for its own
      const inner = others.find((other) => `${other.cgroup}/`.startsWith(`${cgroup}/`));
      clearPlace(cgroup, inner?.name ?? host.groupOwner(cgroup));
      places.set(id, { name: spec.oci.id, cgroup });
    },
    release({ id }) {
      places.delete(id);
    },
  };
}

/**
 * The groups above are removed when the last container in them is forgotten: not before, since a container that is
 * being made has no group in them yet.
 */
function groupsAbove(places: Places): Resource {
  return {
    acquire({ id, spec, cgroup }) {
      if (spec.oci !== undefined && !isNamedByNiwad({ id, cgroup })) makeGroupsAbove(cgroup);
    },
    release({ id, spec, cgroup }) {
      if (spec.oci === undefined || isNamedByNiwad({ id, cgroup })) return;
      const others = [...places].filter(([other]) => other !== id).map(([, other]) => other.cgroup);
      removeGroupsAbove(cgroup, others);
    },
  };
}
