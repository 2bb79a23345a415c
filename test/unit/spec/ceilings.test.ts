import { expect, it } from 'vitest';
import {
  aboveCeilings,
  DEFAULT_BOUNDS,
  limitsAbove,
  resolveBounds,
  tighter,
  UNBOUNDED,
  withDefaults,
} from '../../../src/spec/ceilings.js';
import { specOf } from '../support.js';

const GIB = 2 ** 30;
const bounds = { pids: 100, memoryBytes: GIB, tmpfsBytes: 1024 };
const all = ['cpu', 'memory', 'pids'];

it('resolves shares of the memory of the host', () => {
  expect(resolveBounds(DEFAULT_BOUNDS, 10 * GIB)).toEqual({ pids: 2048, memoryBytes: 8 * GIB, tmpfsBytes: GIB });
  expect(resolveBounds({ pids: null, memory: '512M', tmpfs: 4096 }, GIB)).toEqual({
    pids: null,
    memoryBytes: 2 ** 29,
    tmpfsBytes: 4096,
  });
  expect(resolveBounds({ pids: 1, memory: '100%', tmpfs: null }, 7)).toEqual({
    pids: 1,
    memoryBytes: 7,
    tmpfsBytes: null,
  });
});

it('bounds what a spec leaves out, and says which limits that are', () => {
  const spec = withDefaults(specOf({ mounts: [{ type: 'tmpfs', target: '/t' }] }), bounds, all);
  expect(spec.resources).toMatchObject({ pids: 100, memory: { maxBytes: GIB } });
  expect(spec.root.overlay?.sizeBytes).toBe(1024);
  expect(spec.mounts).toMatchObject([{ sizeBytes: 1024 }]);
  expect(spec.defaulted).toEqual(['pids.max', 'memory.max', 'memory.oom.group']);
});

it('leaves what a spec says, "max" included, and a directory that keeps the writes', () => {
  const said = specOf({
    resources: { pids: 'max', memory: { max: '5M', high: '4M' } },
    mounts: [{ type: 'tmpfs', target: '/t', size: '1G' }],
    root: { path: '/srv', overlay: { directory: '/kept' } },
  });
  expect(withDefaults(said, bounds, all)).toEqual({ ...said, defaulted: [] });
});

it('sets no limit that the host cannot enforce, and none that the operator has taken away', () => {
  expect(withDefaults(specOf({}), bounds, ['cpu'])).toMatchObject({ resources: { memory: {} }, defaulted: [] });
  expect(withDefaults(specOf({}), bounds, ['cpu']).resources.pids).toBeUndefined();
  expect(withDefaults(specOf({}), UNBOUNDED, all)).toEqual({ ...specOf({}), defaulted: [] });
});

it('gives who is bound the tighter of default and ceiling', () => {
  expect(tighter(bounds, { pids: 5, memoryBytes: null, tmpfsBytes: 4096 })).toEqual({ ...bounds, pids: 5 });
  expect(tighter(UNBOUNDED, bounds)).toEqual(bounds);
});

it('finds what is above the ceilings', () => {
  const spec = specOf({
    resources: { pids: 101, memory: { max: 'max' } },
    mounts: [{ type: 'tmpfs', target: '/t', size: 1025 }],
    root: { overlay: { size: '1G' } },
  });
  expect([...aboveCeilings(spec, bounds)].map(({ path, found }) => [path, found])).toEqual([
    ['resources.pids', '101'],
    ['resources.memory.max', 'max'],
    ['root.overlay.size', String(GIB)],
    ['mounts[0].size', '1025'],
  ]);
  expect([...aboveCeilings(spec, UNBOUNDED)]).toEqual([]);
  expect([...limitsAbove({ pids: 100, memory: { maxBytes: GIB } }, bounds)]).toEqual([]);
  expect([...limitsAbove({ memory: {} }, bounds)]).toEqual([]);
});
