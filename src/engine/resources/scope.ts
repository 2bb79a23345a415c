import { endScope, makeScope } from '../../host/scope.js';
import { scopeProperties } from '../../plan/oci/scope-properties.js';
import type { Resource } from './resource.js';

/**
 * The scope of systemd that has the group of a container, where its engine wants one. It ends with the container, when
 * its last use is in the ledger.
 */
export function scope(): Resource {
  return {
    async acquire({ id, spec: { oci }, cgroup, writes }) {
      if (oci?.scope !== undefined) await makeScope(oci.scope, scopeProperties(writes), id, cgroup);
    },
    release({ id, spec: { oci }, cgroup }) {
      if (oci?.scope !== undefined) endScope(id, cgroup);
    },
  };
}
