import type { HostView } from '../../../../src/plan/plan.js';

/** A host for plans of engines, whose filter of system calls is one instruction. */
export const hostView = (controllers: HostView['controllers']): HostView => ({
  containersCgroup: '/cgroup/containers',
  controllers,
  stage: '/stage',
  filtersDevices: true,
  oomProtected: false,
  openFiles: { name: 'nofile', soft: 1, hard: 1 },
  placeBytes: null,
  absent: [],
  compileSeccomp: () => [1n],
});
