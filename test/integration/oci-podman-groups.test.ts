import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { needsController, needsFile } from './support/host.js';
import { PODMAN, Podman } from './support/podman.js';
import { PrivateHost } from './support/private-host.js';
import { test as base } from './support/test.js';

/** podman with groups: a private host has cgroup v2 where podman looks for it. */
const test = base.extend('podman', { scope: 'file' }, async ({ niwad }, { onCleanup }) => {
  const podman = new Podman(niwad);
  if (!existsSync(PODMAN)) return podman;
  const host = await PrivateHost.start();
  podman.enter(host);
  onCleanup(async () => {
    await podman.run('rm', '--all', '--force', '--time', '0');
    await host.end();
  });
  return podman;
});
beforeEach(({ skip }) => void needsFile(skip, PODMAN, 'not installed'));

test('podman gives the group, pauses and resumes, and shows processes and use', async ({ podman, niwad }) => {
  await podman.done(...podman.grouped('--detach', '--name', 'one', '--network=none'), 'sleep', '1000');
  const [own] = await niwad.client.list();
  const group = await podman.done('inspect', 'one', '--format', '{{.State.CgroupPath}}');
  expect(readFileSync(`/proc/${own?.pid}/cgroup`, 'utf8')).toMatch(new RegExp(`^0::${group}$`, 'm'));
  await podman.done('pause', 'one');
  expect((await niwad.client.inspect(own?.id ?? '')).state).toBe('paused');
  await podman.done('unpause', 'one');
  expect(await podman.done('top', 'one', 'pid', 'args')).toMatch(/1 +sleep 1000/);
  expect(await podman.done('stats', '--no-stream', '--format', '{{.CPUPerc}}', 'one')).toMatch(/^\d+\.\d+%$/);
  expect(await podman.done('exec', 'one', 'sh', '-c', 'echo $((6 * 7))')).toBe('42');
  await podman.done('rm', '--force', '--time', '0', 'one');
  expect(await niwad.client.list()).toEqual([]);
});

test('podman connects containers by its bridge', async ({ podman }) => {
  const words = podman.grouped('--rm');
  expect(await podman.done(...words, 'cat', '/proc/net/dev')).toContain('eth0:');
});

test('podman sets limits, and changes them', { tags: 'vm' }, async ({ podman, skip }) => {
  needsController(skip, 'memory');
  const limits = ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '50'];
  await podman.done(...podman.grouped('--detach', '--name', 'two', '--network=none', ...limits), 'sleep', '1000');
  const group = join(
    lookAtCgroupTree('').mount,
    await podman.done('inspect', 'two', '--format', '{{.State.CgroupPath}}'),
  );
  const now = () => ['memory.max', 'cpu.max', 'pids.max'].map((file) => readFileSync(join(group, file), 'utf8').trim());
  expect(now()).toEqual([`${64 * 2 ** 20}`, '50000 100000', '50']);
  await podman.done('update', '--memory', '128m', '--cpus', '1', 'two');
  expect(now()).toEqual([`${128 * 2 ** 20}`, '100000 100000', '50']);
  // podman shows the limit of the start
  expect(await podman.done('stats', '--no-stream', '--format', '{{.MemUsage}}', 'two')).toContain('/ 67.11MB');
  await podman.done('rm', '--force', '--time', '0', 'two');
});
