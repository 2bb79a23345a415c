import { describe, expect, it } from 'vitest';
import { mergeResources, parseResources } from '../../../src/spec/resources.js';
import { problemsIn, refusal } from '../support.js';

const none = { cpu: {}, memory: {}, io: [] };

describe('a live update', () => {
  it('leaves out what it does not change', () => {
    expect(parseResources({ cpu: { max: 2 }, memory: { high: '1M' } })).toEqual({
      cpu: { max: 2 },
      memory: { highBytes: 1_048_576 },
      io: [],
    });
  });

  it.each<[unknown, string]>([
    [null, 'resources'],
    [{ gpu: 1 }, 'resources.gpu'],
    [{ cpu: { max: -1 } }, 'resources.cpu.max'],
    [{ memory: { max: '1e3' } }, 'resources.memory.max'],
    [{ io: [{ device: 'sda' }] }, 'resources.io[0].device'],
    [{ cpu: { max: 1, burst: '101ms' } }, 'resources.cpu.burst'],
  ])('of %j is refused at %s', (input, path) => {
    const error = refusal(() => parseResources(input));
    expect(error.code).toBe('SPEC_INVALID');
    expect(error.message).toMatch(/^the update is invalid: /);
    expect(error.details.problems?.map((problem) => problem.path)).toEqual([path]);
  });

  it('keeps the limits that it does not name', () => {
    const now = { cpu: { max: 1, weight: 50 }, memory: { maxBytes: 4096 }, io: [], pids: 8 };
    const change = { cpu: { max: 2 }, memory: { highBytes: 1024 }, io: [], pids: 16 };
    expect(mergeResources(now, change)).toEqual({
      cpu: { max: 2, weight: 50 },
      memory: { maxBytes: 4096, highBytes: 1024 },
      io: [],
      pids: 16,
    });
  });

  it('keeps the limits of a device that it does not name, as the kernel does', () => {
    const now = {
      ...none,
      io: [
        { device: '8:0', rbps: 10, wbps: 20 },
        { device: '8:16', riops: 5 },
      ],
    };
    const change = {
      ...none,
      io: [
        { device: '8:0', wbps: 30 },
        { device: '8:32', wiops: 7 },
      ],
    };
    expect(mergeResources(now, change).io).toEqual([
      { device: '8:0', rbps: 10, wbps: 30 },
      { device: '8:16', riops: 5 },
      { device: '8:32', wiops: 7 },
    ]);
  });

  it('is refused where the quota would fall below the burst that is in force', () => {
    const now = { ...none, cpu: { max: 1, burstUsec: 60_000 } };
    expect(problemsIn(() => mergeResources(now, { ...none, cpu: { max: 0.5 } }))).toEqual([
      { path: 'resources.cpu.burst', found: '60000 usec', allowed: 'at most 50000 usec' },
    ]);
    expect(mergeResources(now, { ...none, cpu: { max: 0.6 } }).cpu).toEqual({ max: 0.6, burstUsec: 60_000 });
  });
});
