import { describe, expect, it } from 'vitest';
import { ociPlanOf } from '../../../src/oci/kept-plan.js';
import { encodeProgram } from '../../../src/plan/encode.js';
import type { OciConfig } from '../../../src/plan/oci/config.js';
import { makeOciPlan, type OciChoices, type OciSources } from '../../../src/plan/oci/plan.js';
import { hostView } from '../plan/oci/host-view.js';

const HOST = hostView({ available: ['memory'], missing: {} });
const CONFIG: OciConfig = {
  ociVersion: '1.2.0',
  process: { user: { uid: 5, gid: 6 }, args: ['sh'], cwd: '/' },
  root: { path: 'rootfs' },
  hostname: 'one',
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
  linux: { namespaces: [{ type: 'mount' }, { type: 'uts' }], resources: { memory: { limit: 1_000_000 } } },
};
const RESOURCES = { cpu: {}, memory: {}, io: [] };
const SOURCES: OciSources = { root: '/b/rootfs', mounts: [undefined] };
const CHOICES: OciChoices = { id: 'ours', bundle: '/b', newKeyring: true, pivots: true, keptFds: 0, listenFds: 0 };

/** The plan of a start, and what it would be without what is kept. */
function both(config: OciConfig, id: string, sources = SOURCES, choices = CHOICES, host = HOST) {
  const { encode, source: _, ...kept } = ociPlanOf(id, config, host, sources, RESOURCES, choices);
  const fresh = makeOciPlan(id, config, host, sources, RESOURCES, choices);
  return { kept: { ...kept, program: encode() }, fresh: { ...fresh, program: encodeProgram(fresh.boot) } };
}

describe('a plan that is kept', () => {
  it.each([
    ['another id', (config: OciConfig) => both(config, 'b')],
    ['another group', (config: OciConfig) => both(config, 'b', { ...SOURCES, group: { path: '/g', ...GIVEN } })],
    ['another root', (config: OciConfig) => both(config, 'b', { ...SOURCES, root: '/c' })],
    ['other descriptors', (config: OciConfig) => both(config, 'b', SOURCES, { ...CHOICES, keptFds: 2 })],
    ['no pivot', (config: OciConfig) => both(config, 'b', SOURCES, { ...CHOICES, pivots: false })],
    ['no filter of devices', (config: OciConfig) => both(config, 'b', SOURCES, CHOICES, NO_FILTER)],
  ])('is that of the container: %s', (_, again) => {
    const config = structuredClone(CONFIG);
    both(config, 'a');
    const { kept, fresh } = again(config);
    expect(kept).toEqual(fresh);
  });

  it('is not made again for the same config', () => {
    const config = structuredClone(CONFIG);
    const plans = ['a', 'b'].map((id) => ociPlanOf(id, config, HOST, SOURCES, RESOURCES, CHOICES));
    expect(plans[1]?.boot).toBe(plans[0]?.boot);
    expect(plans.map(({ cgroup }) => cgroup.path)).toEqual(['/cgroup/containers/a', '/cgroup/containers/b']);
  });

  it('tells hooks of their own container', () => {
    const config = { ...CONFIG, hooks: { startContainer: [{ path: '/hook' }] } };
    both(config, 'a');
    const { kept, fresh } = both(config, 'b', SOURCES, { ...CHOICES, id: 'theirs' });
    expect(kept).toEqual(fresh);
    expect(JSON.stringify(kept.boot.map(({ strings }) => strings))).toContain('theirs');
  });
});

const GIVEN = { controllers: { available: ['memory' as const], missing: {} } };
const NO_FILTER = { ...HOST, filtersDevices: false };
