// @ts-check

/**
 * A host to plan for, the same on every machine.
 * @type {import('../../dist/plan/plan.js').PlanHost}
 */
export const HOST = {
  containersCgroup: '/group',
  controllers: { available: [], missing: {} },
  stage: '/stage',
  devices: {},
  deviceNodes: [],
  filtersDevices: true,
  idRange: { start: 1_000_000, size: 65_536 },
  oomProtected: false,
  placeBytes: null,
  openFiles: { name: 'nofile', soft: 1024, hard: 524_288 },
  absent: [],
  network: null,
  compileSeccomp: () => [0x7fff0000_00000006n], // "allow": a real filter would be most of each seed
};
