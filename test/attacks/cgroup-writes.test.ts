// @module-tag vm
// Technique: leaving one's cgroup, raising one's limits, mounting cgroup2 again.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { host } from '../integration/support/host.js';
import { attack, test, unprotected } from './attack.js';

const SEEN = '/sys/fs/cgroup';
const LIMITS = ['cgroup.max.depth', ...('pids' in host.missing ? [] : ['pids.max', 'memory.max', 'cpu.max'])];
const refused = (error: string) => ({
  'make a group': 'EROFS',
  [`${SEEN}/cgroup.procs`]: error,
  [`${SEEN}/cgroup.freeze`]: error,
  ...Object.fromEntries(LIMITS.map((file) => [`${SEEN}/${file}`, error])),
  'mount cgroup2': 'EPERM',
});

test('cgroup writes: a container changes nothing of its group, which is not its own', async ({ niwad }) => {
  for (const seccomp of ['default', 'unconfined'] as const)
    expect(await attack(niwad, 'cgroups', [SEEN, ...LIMITS], { seccomp })).toEqual({
      ...refused('EACCES'),
      'make a group': 'EROFS',
    });
});

test("cgroup writes: nor does the host's root user: the view is read-only", async ({ niwad }) => {
  expect(await attack(niwad, 'cgroups', [SEEN, ...LIMITS], { userns: 'host' })).toEqual(refused('EROFS'));
});

test('cgroup writes: a container sees no group but its own', async ({ niwad }) => {
  expect(await niwad.sh('grep ^0: /proc/self/cgroup')).toBe('0::/');
  const id = 'groups-seen';
  const { pid } = await niwad.start({ id, process: { args: ['sleep', '1000'] } });
  expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`/containers/${id}\n`);
  await niwad.client.remove(id, { force: true });
});

test("cgroup writes, control: with the host's cgroups and SYS_ADMIN it leaves its group", async ({ niwad }) => {
  const spec = { ...unprotected('SYS_ADMIN'), namespaces: { cgroup: 'host' } } as const;
  expect(await attack(niwad, 'cgroups', [SEEN], spec)).toMatchObject({
    'mount cgroup2': 'worked',
    '/tmp/mine/cgroup.procs': 'worked',
  });
});
