// @ts-check
// Writes the seeds of corpus/ anew: the boot programs of a few specs. To be run after `npm run build` when plans or their
// encoding have changed: node test/fuzz/make-corpus.mjs
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeProgram } from '../../dist/plan/encode.js';
import { makePlan } from '../../dist/plan/plan.js';
import { parseSpec } from '../../dist/spec/spec.js';

/** By the names of the seeds. */
const SPECS = {
  'process-only': {
    process: { args: ['true'] },
    namespaces: { mount: 'host', pid: 'host', network: 'host', ipc: 'host', uts: 'host', cgroup: 'host' },
  },
  default: { process: { args: ['sh', '-c', 'echo $NAME'], env: { NAME: 'wörld' } } },
  joined: {
    process: { args: ['/bin/true', ''] },
    namespaces: { mount: '/proc/7/ns/mnt', network: '/proc/7/ns/net', uts: '/proc/7/ns/uts' },
  },
  everything: {
    process: { args: ['sleep', '1'], cwd: '/srv', user: '1000:1000', umask: '0077' },
    root: { path: '/srv/root', readonly: true, overlay: { directory: '/srv/kept' } },
    hostname: 'seed',
    mounts: [
      { type: 'bind', source: '/srv/data', target: '/data', readonly: true, propagation: 'rslave' },
      { type: 'tmpfs', target: '/scratch', size: '1M' },
    ],
    rlimits: { nofile: 1024, core: { soft: 0, hard: 'unlimited' } },
    capabilities: { add: ['ALL'] },
    init: true,
    oomScoreAdj: 500,
  },
};

/** The same on every machine. */
const HOST = {
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
  network: null,
  compileSeccomp: () => [0x7fff0000_00000006n], // "allow": a real filter would be most of each seed
};

const folder = join(import.meta.dirname, 'corpus');
mkdirSync(folder, { recursive: true });
for (const [name, spec] of Object.entries(SPECS)) {
  const { boot } = makePlan(parseSpec(spec, name), HOST);
  writeFileSync(join(folder, name), encodeProgram(boot));
}
