import { expect, it } from 'vitest';
import type { OciProcess } from '../../../../src/plan/oci/config.js';
import { schedulingOps } from '../../../../src/plan/oci/scheduling.js';

const PROCESS: OciProcess = { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' };

it('schedules the process as the config says', () => {
  const scheduler = { policy: 'SCHED_BATCH', nice: -5, flags: ['SCHED_FLAG_RESET_ON_FORK'] };
  const ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 7 };
  const ops = schedulingOps({ ...PROCESS, scheduler, ioPriority }, { domain: 'LINUX32' });
  expect(ops.map(({ name, numbers }) => [name, numbers])).toEqual([
    ['scheduler', [3, 1, 15, 0, 0, 0, 0]],
    ['io_priority', [(2 << 13) | 7]],
    ['personality', [8]],
  ]);
  expect(schedulingOps(PROCESS, undefined)).toEqual([]);
});

it.each([
  [{ scheduler: { policy: 'SCHED_ISO' } }, undefined, 'process.scheduler.policy "SCHED_ISO"'],
  [
    { scheduler: { policy: 'SCHED_OTHER', nice: 20 } },
    undefined,
    'process.scheduler.nice: it has to be from -20 to 19',
  ],
  [{ scheduler: { policy: 'SCHED_FIFO', priority: 100 } }, undefined, 'process.scheduler.priority'],
  [{ scheduler: { policy: 'SCHED_DEADLINE', runtime: -1 } }, undefined, 'process.scheduler.runtime'],
  [{ ioPriority: { class: 'toString', priority: 1 } }, undefined, 'process.ioPriority.class "toString"'],
  [{ ioPriority: { class: 'IOPRIO_CLASS_RT', priority: 8 } }, undefined, 'process.ioPriority.priority'],
  [{}, { domain: 'BSD' }, 'linux.personality.domain "BSD"'],
  [{}, { domain: 'LINUX', flags: ['X'] }, 'linux.personality.flags'],
])('refuses %j %j by its name', (process, persona, message) => {
  expect(() => schedulingOps({ ...PROCESS, ...process }, persona)).toThrow(message);
});
