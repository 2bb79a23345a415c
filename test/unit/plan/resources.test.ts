import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CgroupWrite,
  earlierWrites,
  limitWrites,
  slowsBoot,
  undoWrites,
  updateWrites,
} from '../../../src/plan/resources.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import type { ResourcesInput } from '../../../src/protocol/spec.js';
import { mergeResources, parseResources } from '../../../src/spec/resources.js';
import { resourcesInputs } from '../arbitrary.js';
import { capableHost, refusal } from '../support.js';

const { controllers, devices } = capableHost;
const lines = (writes: CgroupWrite[]) => writes.map(({ file, value }) => `${file} = ${value}`);
const limits = (input: ResourcesInput) => lines(limitWrites(parseResources(input), controllers, devices));
const updates = (now: ResourcesInput, change: ResourcesInput) =>
  lines(updateWrites(parseResources(now), parseResources(change), controllers, devices));
const undos = (now: ResourcesInput, change: ResourcesInput) => {
  const [before, after] = [parseResources(now), parseResources(change)];
  return lines(undoWrites(before, updateWrites(before, after, controllers, devices), controllers, devices));
};

describe('the limits of a new container', () => {
  it.each<[ResourcesInput, string[]]>([
    [{}, []],
    [{ cpu: {}, memory: {}, io: [] }, []],
    [{ cpu: { max: 1.5 } }, ['cpu.max = 150000 100000']],
    [{ cpu: { max: 0.01 } }, ['cpu.max = 1000 100000']],
    [{ cpu: { max: 0.29 } }, ['cpu.max = 29000 100000']],
    [{ cpu: { max: 'max' } }, ['cpu.max = max 100000']],
    [{ cpu: { burst: '20ms', max: 1 } }, ['cpu.max = 100000 100000', 'cpu.max.burst = 20000']],
    [{ cpu: { weight: 50, cpus: '0-1,3' } }, ['cpu.weight = 50', 'cpuset.cpus = 0-1,3']],
    [{ memory: { max: '1M' } }, ['memory.max = 1048576', 'memory.oom.group = 1']],
    [{ memory: { max: 0, oomGroup: false } }, ['memory.max = 0', 'memory.oom.group = 0']],
    [{ memory: { max: 'max' } }, ['memory.max = max']],
    [{ memory: { oomGroup: true } }, ['memory.oom.group = 1']],
    [
      { memory: { swapMax: 0, max: 'max', high: 4, low: 3, min: 2 } },
      ['memory.min = 2', 'memory.low = 3', 'memory.high = 4', 'memory.max = max', 'memory.swap.max = 0'],
    ],
    [
      {
        io: [
          { device: '/dev/vda', rbps: '1M', wiops: 'max' },
          { device: '8:0', wbps: 1, riops: 2 },
        ],
      },
      ['io.max = 254:0 rbps=1048576 wiops=max', 'io.max = 8:0 wbps=1 riops=2'],
    ],
    [{ pids: 'max' }, ['pids.max = max']],
  ])('%j are %j', (input, writes) => {
    expect(limits(input)).toEqual(writes);
  });

  it.each<[ResourcesInput, string, string]>([
    [{ cpu: { max: 1 } }, 'cpu.max', 'cpu'],
    [{ cpu: { weight: 1 } }, 'cpu.weight', 'cpu'],
    [{ cpu: { cpus: '0' } }, 'cpuset.cpus', 'cpuset'],
    [{ memory: { high: 1 } }, 'memory.high', 'memory'],
    [{ io: [{ device: '8:0' }] }, 'io.max', 'io'],
    [{ pids: 1 }, 'pids.max', 'pids'],
  ])('%j are refused where the controller is missing', (input, file, controller) => {
    const others = controllers.available.filter((name) => name !== controller);
    const host = { available: others, missing: { [controller]: 'it is bound to cgroup v1 on /mnt/v1' } };
    const error = refusal(() => limitWrites(parseResources(input), host, {}));
    expect(error.code).toBe('HOST_UNSUPPORTED');
    expect(error.message).toBe(
      `${file} needs the ${controller} controller of cgroup v2, which this host does not give: ` +
        'it is bound to cgroup v1 on /mnt/v1. Leave the limit out, or see `niwa doctor` for the cure.',
    );
  });

  it('are refused also where nobody knows why a controller is missing', () => {
    const error = refusal(() => limitWrites(parseResources({ pids: 1 }), { available: [], missing: {} }, {}));
    expect(error.message).toContain(
      'the pids controller of cgroup v2, which this host does not give: the requested cgroup controller `pids` is not available in the group above (cgroup.subtree_control).',
    );
  });

  it('need no controller where there are none', () => {
    expect(limitWrites(parseResources({}), { available: [], missing: {} }, {})).toEqual([]);
  });
});

describe('an update', () => {
  it.each<[string, ResourcesInput, ResourcesInput, string[]]>([
    [
      'raises the quota before the burst',
      { cpu: { max: 1, burst: '10ms' } },
      { cpu: { max: 2, burst: '150ms' } },
      ['cpu.max = 200000 100000', 'cpu.max.burst = 150000'],
    ],
    [
      'lowers the burst before the quota',
      { cpu: { max: 2, burst: '150ms' } },
      { cpu: { max: 1, burst: '10ms' } },
      ['cpu.max.burst = 10000', 'cpu.max = 100000 100000'],
    ],
    [
      'lowers memory.high before memory.max',
      { memory: { high: 80, max: 100 } },
      { memory: { high: 40, max: 50 } },
      ['memory.high = 40', 'memory.max = 50', 'memory.oom.group = 1'],
    ],
    [
      'bounds memory that had no bound by memory.high first',
      {},
      { memory: { high: 40, max: 50 } },
      ['memory.high = 40', 'memory.max = 50', 'memory.oom.group = 1'],
    ],
    [
      'raises memory.max before memory.high',
      { memory: { high: 40, max: 50 } },
      { memory: { high: 80, max: 100 } },
      ['memory.max = 100', 'memory.high = 80', 'memory.oom.group = 1'],
    ],
    [
      'takes the bound of memory away before memory.high',
      { memory: { high: 40, max: 50 } },
      { memory: { high: 'max', max: 'max' } },
      ['memory.max = max', 'memory.high = max'],
    ],
    [
      'leaves the memory.oom.group that was chosen',
      { memory: { max: 50, oomGroup: false } },
      { memory: { max: 100 } },
      ['memory.max = 100'],
    ],
    [
      'sets memory.oom.group where it is named',
      { memory: { max: 50 } },
      { memory: { oomGroup: false } },
      ['memory.oom.group = 0'],
    ],
    ['writes nothing where nothing changes', { pids: 5 }, {}, []],
  ])('%s', (_, now, change, writes) => {
    expect(updates(now, change)).toEqual(writes);
  });

  it('is refused where the controller is missing', () => {
    const error = refusal(() =>
      updateWrites(parseResources({}), parseResources({ pids: 1 }), { available: ['cpu'], missing: {} }, {}),
    );
    expect(error.code).toBe('HOST_UNSUPPORTED');
  });
});

describe('undoing an update', () => {
  it.each<[string, ResourcesInput, ResourcesInput, string[]]>([
    [
      'goes back the way that it came',
      { cpu: { max: 1, burst: '10ms' } },
      { cpu: { max: 2, burst: '150ms' } },
      ['cpu.max.burst = 10000', 'cpu.max = 100000 100000'],
    ],
    [
      "writes the kernel's defaults where there was no limit",
      {},
      {
        cpu: { max: 1, burst: 0, weight: 1, cpus: '0' },
        memory: { min: 1, low: 1, high: 1, max: 1, swapMax: 1, oomGroup: true },
        pids: 1,
      },
      [
        'pids.max = max',
        'memory.oom.group = 0',
        'memory.swap.max = max',
        'memory.max = max',
        'memory.high = max',
        'memory.low = 0',
        'memory.min = 0',
        'cpuset.cpus = \n',
        'cpu.weight = 100',
        'cpu.max.burst = 0',
        'cpu.max = max 100000',
      ],
    ],
    [
      'gives a device all of its limits back and takes away what it did not have',
      {
        io: [
          { device: '/dev/vda', rbps: 10 },
          { device: '/dev/vdb', rbps: 20 },
        ],
      },
      {
        io: [
          { device: '254:0', wbps: 30 },
          { device: '8:0', riops: 5 },
        ],
      },
      ['io.max = 8:0 rbps=max wbps=max riops=max wiops=max', 'io.max = 254:0 rbps=10 wbps=max riops=max wiops=max'],
    ],
    [
      'does not take one device for another whose number begins alike',
      { io: [{ device: '254:16', rbps: 10 }] },
      { io: [{ device: '254:1', rbps: 5 }] },
      ['io.max = 254:1 rbps=max wbps=max riops=max wiops=max'],
    ],
  ])('%s', (_, now, change, writes) => {
    expect(undos(now, change)).toEqual(writes);
  });
});

describe('any update, and undoing it', () => {
  it('is a way that the kernel lets go, to the limits asked for and back to those before', () => {
    fc.assert(
      fc.property(resourcesInputs, resourcesInputs, (nowInput, changeInput) => {
        const [now, change] = [parseResources(nowInput), parseResources(changeInput)];
        const merged = mergedOrNot(now, change);
        fc.pre(merged !== undefined);
        const before = group(limitWrites(now, controllers, devices), {});
        const writes = updateWrites(now, change, controllers, devices);
        const after = group(writes, before);
        const asked = group(limitWrites(merged, controllers, devices), {});
        // memory.oom.group comes with a memory.max and stays when that goes; a new container without one never had it.
        expect({ ...after, 'memory.oom.group': null }).toEqual({ ...asked, 'memory.oom.group': null });
        expect(group(undoWrites(now, writes, controllers, devices), after)).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });
});

function mergedOrNot(...[now, change]: Parameters<typeof mergeResources>) {
  try {
    return mergeResources(now, change);
  } catch (error) {
    if (error instanceof NiwaError) return undefined;
    throw error;
  }
}

/** The files of a group after some writes, in the way of the kernel; a file with its default is left out. */
function group(writes: readonly CgroupWrite[], before: Record<string, string>): Record<string, string> {
  const defaults: Record<string, string> = {
    'cpu.max': 'max 100000',
    'cpu.max.burst': '0',
    'cpu.weight': '100',
    'cpuset.cpus': '',
    'memory.min': '0',
    'memory.low': '0',
    'memory.oom.group': '0',
  };
  const files = new Map(Object.entries(before));
  for (const { file, value } of writes) {
    const [device, ...fields] = value.split(' ');
    const settings =
      file === 'io.max'
        ? fields.map((field) => [`io.max ${device} ${field.split('=')[0]}`, field.split('=')[1] ?? ''] as const)
        : [[file, value.trim()] as const];
    for (const [name, setting] of settings)
      if (setting === (defaults[name] ?? 'max')) files.delete(name);
      else files.set(name, setting);
    const quota = files.get('cpu.max')?.split(' ')[0];
    if (quota !== undefined) expect(Number(files.get('cpu.max.burst') ?? 0)).toBeLessThanOrEqual(Number(quota));
  }
  return Object.fromEntries(files);
}

it('sets what slows a process down after the boot program, and what ends it before', () => {
  const resources = parseResources({
    cpu: { max: 0.5, burst: '10ms', weight: 10, cpus: '0' },
    memory: { max: '1G', high: '512M', low: '1M', swapMax: 0 },
    pids: 10,
  });
  const writes = limitWrites(resources, controllers, devices);
  const files = (late: boolean) => writes.filter((write) => slowsBoot(write) === late).map(({ file }) => file);
  expect(files(true)).toEqual(['cpu.max', 'cpu.max.burst', 'cpu.weight', 'memory.high']);
  expect(slowsBoot({ file: 'cpu.idle', value: '1' })).toBe(true);
  expect(files(false)).toEqual([
    'cpuset.cpus',
    'memory.low',
    'memory.max',
    'memory.swap.max',
    'memory.oom.group',
    'pids.max',
  ]);
});

it('what the files of a group have now is written back, the last one first', () => {
  const files: Record<string, string> = {
    'memory.max': 'max',
    'io.max': '8:0 rbps=5 wbps=max riops=max wiops=max\n8:16 rbps=1 wbps=max riops=max wiops=max',
    'io.weight': 'default 100',
  };
  const change = ['memory.max 5', 'cpuset.cpus 1', 'io.max 8:0 rbps=9', 'io.max 8:1 rbps=9', 'io.weight 8:0 3'];
  const writes = change.map((line) => ({ file: line.split(' ')[0] ?? '', value: line.replace(/^\S+ /, '') }));
  expect(lines(earlierWrites(writes, (file) => files[file] ?? ''))).toEqual(
    lines([
      { file: 'io.weight', value: '8:0 default' },
      { file: 'io.max', value: '8:1 rbps=max wbps=max riops=max wiops=max' },
      { file: 'io.max', value: '8:0 rbps=5 wbps=max riops=max wiops=max' },
      { file: 'cpuset.cpus', value: '\n' },
      { file: 'memory.max', value: 'max' },
    ]),
  );
});
