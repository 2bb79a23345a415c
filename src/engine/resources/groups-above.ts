import { clearPlace, makeGroupsAbove, removeGroupsAbove } from '../../host/group-place.js';
import type { Kernel } from '../../kernel/kernel.js';
import { insideGroupOf } from '../../plan/oci/group.js';
import type { Resource } from './resource.js';

/**
 * The groups above that of a container whose engine says where its group is. They are removed when the last container
 * in them is forgotten: not before, since a container that is being made has no group in them yet. None of them may be
 * the group of another container, also of one whose group is not made yet. An empty group where that of the container
 * will be goes.
 */
export function groupsAbove({ host }: { host: Pick<Kernel['host'], 'groupOwner'> }): Resource {
  const inside = new Map<string, { name: string; cgroup: string }>();
  return {
    acquire({ id, spec, cgroup }) {
      if (spec.oci === undefined) return;
      const others = [...inside.values()];
      const outer = others.find((other) => cgroup.startsWith(`${other.cgroup}/`));
      if (outer !== undefined) throw insideGroupOf(cgroup, outer.name);
      // one that is being made has no mark yet, or needs the group for its own
      const inner = others.find((other) => `${other.cgroup}/`.startsWith(`${cgroup}/`));
      clearPlace(cgroup, inner?.name ?? host.groupOwner(cgroup));
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
