import { CONFIG_VERSION, HOOK_POINTS } from '../plan/oci/config.js';
import { MOUNT_WORDS } from '../plan/oci/mount-words.js';
import { NAMESPACE_TYPES } from '../plan/oci/plan.js';
import { FILTER_FLAG_NAMES } from '../plan/oci/process.js';
import { MEMORY_WORDS } from '../plan/oci/scheduling.js';
import { PROPERTY } from '../plan/oci/scope-properties.js';
import { SECCOMP_ACTIONS_OF_ENGINES, SECCOMP_COMPARISONS } from '../protocol/spec/seccomp.js';
import { CAPABILITIES } from '../spec/capabilities.js';
import { FILTER_ARCHITECTURES } from './check-seccomp.js';
import { ANNOTATION_NAMES } from './spec.js';

/** What `niwa-oci features` tells, see features.md of the OCI runtime-spec. */

/** Gives the features of this runtime. Pure. */
export function features(version: string): object {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: CONFIG_VERSION,
    hooks: [...HOOK_POINTS],
    mountOptions: MOUNT_WORDS,
    linux: {
      namespaces: NAMESPACE_TYPES,
      capabilities: CAPABILITIES.map((name) => `CAP_${name}`),
      cgroup: { v1: false, v2: true, systemd: true, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: [...SECCOMP_ACTIONS_OF_ENGINES],
        operators: [...SECCOMP_COMPARISONS],
        archs: [...FILTER_ARCHITECTURES],
        knownFlags: FILTER_FLAG_NAMES,
        supportedFlags: FILTER_FLAG_NAMES,
      },
      // by the spec, whatever the host has; labels of SELinux are set, but no host with it has shown that they hold
      apparmor: { enabled: true },
      selinux: { enabled: false },
      memoryPolicy: MEMORY_WORDS,
      netDevices: { enabled: true },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
    },
    annotations: { 'dev.niwa.version': version },
    potentiallyUnsafeConfigAnnotations: [...ANNOTATION_NAMES, PROPERTY].sort(),
  };
}
