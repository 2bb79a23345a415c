import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { Containerd } from './support/containerd.js';
import { needsController, PATIENCE } from './support/host.js';
import { test as base } from './support/test.js';

const test = base.extend('containerd', { scope: 'file' }, async ({ niwad }, { onCleanup }) => {
  const containerd = await Containerd.start(niwad);
  onCleanup(async () => void (await containerd.stop()));
  return containerd;
});

test('ctr run gives the output and the exit status of the program, and leaves nothing', async ({
  containerd,
  niwad,
}) => {
  const { exitCode, stdout } = await containerd.run(
    ...containerd.container('one', '--rm'),
    'sh',
    '-c',
    'id -u; exit 3',
  );
  expect([exitCode, stdout]).toEqual([3, '0']);
  expect(await niwad.client.list()).toEqual([]);
});

test('a task of ctr is kept by niwad, and goes its way by exec, pause, kill and delete', async ({
  containerd,
  niwad,
}) => {
  const text = 'trap "exit 5" TERM; while :; do sleep 0.1; done';
  await containerd.done(...containerd.container('two', '--detach', '--label', 'a=b'), 'sh', '-c', text);
  expect(await niwad.client.list()).toMatchObject([{ state: 'running', oci: { id: 'two' } }]);
  expect(await containerd.done('task', 'exec', '--exec-id', 'e', 'two', 'sh', '-c', 'echo within')).toBe('within');
  await containerd.done('task', 'pause', 'two');
  expect(await containerd.done('task', 'ls')).toMatch(/^two +\d+ +PAUSED/m);
  await containerd.done('task', 'resume', 'two');
  expect(await containerd.done('task', 'ps', 'two')).toMatch(/^\d+ /m);
  await containerd.done('task', 'kill', 'two');
  await vi.waitFor(async () => expect(await containerd.done('task', 'ls')).toMatch(/STOPPED/), PATIENCE);
  expect((await containerd.run('task', 'rm', 'two')).stderr).toContain('exit code 5');
  await containerd.done('container', 'rm', 'two');
  expect(await niwad.client.list()).toEqual([]);
});

test('the limits of ctr run are those of the group, where containerd reads the use', { tags: 'vm' }, async ({
  containerd,
  niwad,
  skip,
}) => {
  needsController(skip, 'memory');
  const limits = ['--memory-limit', '67108864', '--cpus', '0.5'];
  await containerd.done(...containerd.container('three', '--detach', ...limits), 'sleep', '1000');
  const { mount } = lookAtCgroupTree('');
  expect(readFileSync(join(mount, 'default/three/cpu.max'), 'utf8')).toBe('50000 100000\n');
  expect(await containerd.done('task', 'metrics', 'three')).toMatch(/^memory\.usage_limit +67108864 *$/m);
  await containerd.done('task', 'rm', '--force', 'three');
  await containerd.done('container', 'rm', 'three');
  expect(await niwad.client.list()).toEqual([]);
});
