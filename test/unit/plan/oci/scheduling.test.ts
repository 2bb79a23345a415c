import { expect, it } from 'vitest';
import type { OciProcess } from '../../../../src/plan/oci/config.js';
import { schedulingOps } from '../../../../src/plan/oci/scheduling.js';

const PROCESS: OciProcess = { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' };

it('schedules the process as the config says', () => {
  const scheduler = { policy: 'SCHED_BATCH', nice: -5, flags: ['SCHED_FLAG_RESET_ON_FORK'] };
  const ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 7 };
  const ops = schedulingOps({ ...PROCESS, scheduler, ioPriority }, { personality: { domain: 'LINUX32' } });
  expect(ops.map(({ name, numbers }) => [name, numbers])).toEqual([
    ['scheduler', [3, 1, 15, 0, 0, 0, 0]],
    ['io_priority', [(2 << 13) | 7]],
    ['personality', [8]],
  ]);
  expect(schedulingOps(PROCESS, {})).toEqual([]);
});

it('knows the flags of all versions of the OCI', () => {
  const flags = ['SCHED_FLAG_UTIL_CLAMP_MIN', 'SCHED_FLAG_UTIL_CLAMP_MAX'];
  const [first] = schedulingOps({ ...PROCESS, scheduler: { policy: 'SCHED_OTHER', flags } }, {});
  expect(first?.numbers[1]).toBe(0x60);
});

it('chooses the memory by words of 64 nodes', () => {
  const policy = (nodes: string, ...flags: string[]) =>
    schedulingOps(PROCESS, { memoryPolicy: { mode: 'MPOL_INTERLEAVE', nodes, flags } })[0];
  expect(policy('0-2,64,66-66')).toMatchObject({ name: 'memory_policy', numbers: [3, 0b111n, 0b101n] });
  expect(policy('', 'MPOL_F_STATIC_NODES')?.numbers).toEqual([3 | (1 << 15)]);
  expect(policy('1023')?.numbers).toHaveLength(1 + 16);
});

it.each([
  [{ scheduler: { policy: 'SCHED_ISO' } }, {}, 'process.scheduler.policy "SCHED_ISO"'],
  [{ scheduler: { policy: 'SCHED_OTHER', nice: 20 } }, {}, 'process.scheduler.nice: it has to be from -20 to 19'],
  [{ scheduler: { policy: 'SCHED_FIFO', priority: 100 } }, {}, 'process.scheduler.priority'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', runtime: -1 } }, {}, 'process.scheduler.runtime'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', deadline: 2000 } }, {}, 'SCHED_DEADLINE` requires `runtime`'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', runtime: 2000 } }, {}, 'SCHED_DEADLINE` requires `deadline`'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', runtime: 0, deadline: 1 } }, {}, 'runtime must be greater than 0'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', runtime: 9, deadline: 10 } }, {}, 'runtime 9 must be between 1024 and'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', runtime: 5000, deadline: 4000 } }, {}, 'must be <= deadline 4000'],
  [
    { scheduler: { policy: 'SCHED_DEADLINE', runtime: 2000, deadline: 4000, period: 3000 } },
    {},
    'process.scheduler.deadline: sched_setattr: `SCHED_DEADLINE` deadline 4000 must be <= period 3000',
  ],
  [{ ioPriority: { class: 'toString', priority: 1 } }, {}, 'process.ioPriority.class "toString"'],
  [{ ioPriority: { class: 'IOPRIO_CLASS_RT', priority: 8 } }, {}, 'process.ioPriority.priority'],
  [{}, { personality: { domain: 'BSD' } }, 'linux.personality.domain "BSD"'],
  [{}, { personality: { domain: 'LINUX', flags: ['X'] } }, 'linux.personality.flags'],
  [{}, { memoryPolicy: {} as { mode: string } }, 'linux.memoryPolicy.mode'],
  [{}, { memoryPolicy: { mode: 'MPOL_BIND', flags: ['X'] } }, 'linux.memoryPolicy.flags[0] "X"'],
  [{}, { memoryPolicy: { mode: 'MPOL_BIND', nodes: '3-1' } }, 'linux.memoryPolicy.nodes: "3-1"'],
  [{}, { memoryPolicy: { mode: 'MPOL_BIND', nodes: '1024' } }, 'linux.memoryPolicy.nodes: "1024"'],
  [{}, { memoryPolicy: { mode: 'MPOL_BIND', nodes: '1,' } }, 'linux.memoryPolicy.nodes: ""'],
])('refuses %j %j by its name', (process, linux, message) => {
  expect(() => schedulingOps({ ...PROCESS, ...process }, linux)).toThrow(message);
});
