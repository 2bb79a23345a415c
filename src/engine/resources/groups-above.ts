import { makeGroupsAbove, removeGroupsAbove } from '../../host/group-place.js';
import type { Resource } from './resource.js';

/**
 * The groups above that of a container whose engine says where its group is. They are removed when the last container
 * in them is forgotten: not before, since a container that is being made has no group in them yet.
 */
export function groupsAbove(): Resource {
  const inside = new Map<string, string>();
  return {
    acquire({ id, spec, cgroup }) {
      if (spec.oci === undefined) return;
      inside.set(id, cgroup);
      makeGroupsAbove(cgroup);
    },
    release({ id, spec, cgroup }) {
      if (spec.oci === undefined) return;
      inside.delete(id);
      removeGroupsAbove(cgroup, [...inside.values()]);
    },
  };
}
