import { expect, it } from 'vitest';
import { statsEvent } from '../../../src/oci/stats.js';
import type { Usage } from '../../../src/protocol/usage.js';

const CPU = { usage_usec: 5, user_usec: 3, system_usec: 2, nr_bursts: null, burst_usec: null };
const PRESSURE = { cpu: null, memory: null, io: null };
const BARE: Usage = {
  cpu: { ...CPU, nr_periods: null, nr_throttled: null, throttled_usec: null },
  ...{ io: null, memory: null, pids: null, network: null, pressure: PRESSURE },
};

it('has the words and units of runc', () => {
  const device = { device: '8:16', rbytes: 1, wbytes: 2, rios: 3, wios: 4, dbytes: 0, dios: 0 };
  const events = { low: 0, high: 0, max: 6, oom: 0, oom_kill: 0, oom_group_kill: 0 };
  const usage: Usage = {
    ...BARE,
    cpu: { ...CPU, nr_periods: 7, nr_throttled: 1, throttled_usec: 9 },
    io: { ...device, devices: [device] },
    memory: { current: 100, peak: 200, swap_current: 10, events },
    pids: { current: 2, peak: 3, events: { max: 0 } },
  };
  expect(statsEvent('a', usage, { memory: '300', pids: 'max' })).toEqual({
    type: 'stats',
    id: 'a',
    data: {
      cpu: {
        usage: { total: 5000, kernel: 2000, user: 3000 },
        throttling: { periods: 7, throttledPeriods: 1, throttledTime: 9000 },
      },
      memory: { usage: { usage: 100, max: 200, limit: 300, failcnt: 6 }, swap: { usage: 110, failcnt: 0 } },
      pids: { current: 2 },
      blkio: {
        ioServiceBytesRecursive: [
          { major: 8, minor: 16, op: 'Read', value: 1 },
          { major: 8, minor: 16, op: 'Write', value: 2 },
        ],
        ioServicedRecursive: [
          { major: 8, minor: 16, op: 'Read', value: 3 },
          { major: 8, minor: 16, op: 'Write', value: 4 },
        ],
      },
    },
  });
});

it('has no part whose controller is missing', () => {
  expect(statsEvent('a', BARE, {})).toMatchObject({ data: { cpu: { throttling: { periods: 0 } } } });
  expect(Object.keys((statsEvent('a', BARE, {}) as { data: object }).data)).toEqual(['cpu']);
});
