import { describe, expect, it } from 'vitest';
import { Planner } from '../../../src/engine/planner.js';
import type { DeviceNumbers } from '../../../src/host/devices.js';
import { segmentOf } from '../../../src/network/lease.js';
import { Members } from '../../../src/network/members.js';
import { encodeProgram } from '../../../src/plan/encode.js';
import { capableHost, refusal, specOf } from '../support.js';

const settings = { bridge: 'niwa0', subnet: '10.88.0.0/16', subnet6: null, mtu: 1500, connectionsPerContainer: 0 };
const NUMBERS: DeviceNumbers = { devices: {}, deviceNodes: [] };
const spec = specOf({ root: { path: '/srv/app' }, resources: { pids: 50 }, devices: ['/dev/fuse'] });

function makePlanner() {
  const tree = { containers: '/sys/fs/cgroup/niwa/containers', controllers: capableHost.controllers };
  const planner = new Planner({
    kernel: { host: { canFilterDevices: () => true } },
    idPool: { next: () => capableHost.idRange },
    members: new Members(segmentOf(settings, 'node', false)),
    directoryOf: (id) => `/run/niwa/containers/${id}`,
    ...{ tree, stage: '/run/niwa/stage', placeBytes: null },
  });
  return { planner, tree };
}

describe('the plan of a spec that was planned before', () => {
  it('is the plan of this container, with its id, its ids and its files', () => {
    const { planner } = makePlanner();
    planner.plan({ ...spec, id: 'one' }, { start: 65_536, size: 65_536 }, NUMBERS, 'user 0');
    const plan = planner.plan({ ...spec, id: 'two' }, { start: 131_072, size: 65_536 }, NUMBERS, 'user 0');
    expect(plan).toMatchObject({ id: 'two', cgroup: { path: '/sys/fs/cgroup/niwa/containers/two' } });
    expect(plan.userns?.uids).toEqual([{ container: 0, host: 131_072, size: 65_536 }]);
    const strings = plan.boot.flatMap((op) => op.strings);
    expect(strings).toContain('/run/niwa/containers/two/hosts');
    expect(strings).not.toContain('/run/niwa/containers/one/hosts');
    expect(Buffer.from(plan.encode())).toEqual(Buffer.from(encodeProgram(plan.boot)));
  });

  it('has the devices that the paths lead to now', () => {
    const { planner } = makePlanner();
    const minors = [229, 230].map((minor) => {
      const numbers = { devices: {}, deviceNodes: [{ type: 'c' as const, major: 10, minor }] };
      return planner.plan(spec, capableHost.idRange, numbers, 'user 0').devices?.at(-1)?.minor;
    });
    expect(minors).toEqual([229, 230]);
  });

  it('is refused as soon as a controller is missing, and planned again when it is back', () => {
    const { planner, tree } = makePlanner();
    const plan = () => planner.plan(spec, capableHost.idRange, NUMBERS, 'user 1000');
    plan();
    tree.controllers = { available: [], missing: { pids: 'it is not enabled' } };
    expect(refusal(plan).code).toBe('HOST_UNSUPPORTED');
    tree.controllers = capableHost.controllers;
    expect(plan().cgroup.writes).toContainEqual({ file: 'pids.max', value: '50' });
  });

  it('has the limits of its own spec', () => {
    const { planner } = makePlanner();
    const values = [50, 60].map((pids) => {
      const { cgroup, limits } = planner.plan(
        { ...spec, resources: { ...spec.resources, pids } },
        capableHost.idRange,
        NUMBERS,
        'user 0',
      );
      return [cgroup.writes.find(({ file }) => file === 'pids.max')?.value, limits.resources.pids];
    });
    expect(values).toEqual([
      ['50', 50],
      ['60', 60],
    ]);
  });
});
