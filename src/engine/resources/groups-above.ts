import { makeGroupsAbove, removeGroupsAbove } from '../../host/group-place.js';
import type { Resource } from './resource.js';

/**
 * The groups above that of a container whose engine says where its group is. They are removed when the last container
 * in them is forgotten.
 */
export function groupsAbove(): Resource {
  return {
    acquire: ({ spec, cgroup }) => (spec.oci === undefined ? undefined : makeGroupsAbove(cgroup)),
    release: ({ spec, cgroup }) => (spec.oci === undefined ? undefined : removeGroupsAbove(cgroup)),
  };
}
