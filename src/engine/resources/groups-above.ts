import { makeGroupsAbove, removeGroupsAbove } from '../../host/group-place.js';
import { insideGroupOf } from '../../plan/oci/group.js';
import type { Resource } from './resource.js';

/**
 * The groups above that of a container whose engine says where its group is. They are removed when the last container
 * in them is forgotten: not before, since a container that is being made has no group in them yet. None of them may be
 * the group of another container, also of one whose group is not made yet.
 */
export function groupsAbove(): Resource {
  const inside = new Map<string, { name: string; cgroup: string }>();
  return {
    acquire({ id, spec, cgroup }) {
      if (spec.oci === undefined) return;
      const outer = [...inside.values()].find((other) => cgroup.startsWith(`${other.cgroup}/`));
      if (outer !== undefined) throw insideGroupOf(cgroup, outer.name);
      inside.set(id, { name: spec.oci.id, cgroup });
      makeGroupsAbove(cgroup);
    },
    release({ id, spec, cgroup }) {
      if (spec.oci === undefined) return;
      inside.delete(id);
      const needed = [...inside.values()].map((other) => other.cgroup);
      removeGroupsAbove(cgroup, needed);
    },
  };
}
