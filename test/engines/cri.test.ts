import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { needsController, PATIENCE } from '../integration/support/host.js';
import { test as base } from '../integration/support/test.js';
import { Cri, SUBNET } from './support/cri.js';
import { asking, SERVER } from './support/web.js';

const test = base.extend('cri', { scope: 'file' }, async ({ niwad }, { onCleanup }) => {
  const cri = await Cri.start(niwad);
  onCleanup(async () => void (await cri.end()));
  return cri;
});

test('a pod has an address on the bridge of CNI, which its containers share, and leaves nothing', {
  tags: 'vm',
}, async ({ cri, niwad }) => {
  const links = await cri.host.done('ip', '-oneline', 'link');
  const pod = await cri.pod('web', { portMappings: [{ containerPort: 80, hostPort: 8000 }] });
  const status = await cri.podStatus(pod);
  const { ip } = status.network;
  expect(status).toMatchObject({ state: 'SANDBOX_READY', runtimeHandler: 'niwa' });
  expect(ip.startsWith(`${SUBNET}.`)).toBe(true);
  expect(await niwad.client.list()).toMatchObject([{ state: 'running', oci: { id: pod.id } }]);
  await cri.container(pod, 'server', SERVER);
  const beside = await cri.container(pod, 'beside', ['sleep', '1000']);
  expect((await cri.exec(beside, ...asking('http://127.0.0.1/'))).stdout).toBe('hello');
  expect((await cri.exec(beside, 'busybox', 'hostname')).stdout).toBe('web');
  for (const url of [`http://${ip}/`, 'http://127.0.0.1:8000/'])
    expect(await cri.host.done(...asking(url))).toBe('hello');
  await cri.stopPod(pod);
  expect((await cri.podStatus(pod)).state).toBe('SANDBOX_NOTREADY');
  await cri.removePod(pod);
  expect(await niwad.client.list()).toEqual([]);
  const left = (await cri.host.done('ip', '-oneline', 'link')).split('\n').filter((line) => !line.includes('cni0'));
  expect(left).toHaveLength(links.split('\n').length);
});

test('a container has an output, execs and an exit status', async ({ cri, niwad }) => {
  const pod = await cri.pod('one');
  const text = 'echo out; echo err >&2; trap "exit 7" TERM; while :; do sleep 0.1; done';
  const id = await cri.container(pod, 'main', ['sh', '-c', text]);
  expect((await niwad.client.list()).map(({ oci }) => oci?.id).sort()).toEqual([pod.id, id].sort());
  expect((await cri.status(id)).state).toBe('CONTAINER_RUNNING');
  const lines = () => readFileSync(cri.logOf(pod, 'main'), 'utf8').replace(/^\S+/gm, 'TIME').trimEnd().split('\n');
  await vi.waitFor(() => expect(lines().sort()).toEqual(['TIME stderr F err', 'TIME stdout F out']), PATIENCE);
  const within = 'echo $((6 * 7)); echo no >&2; exit 3';
  expect(await cri.exec(id, 'sh', '-c', within)).toEqual({ exitCode: 3, stdout: '42', stderr: 'no' });
  await cri.stop(id, 60);
  expect(await cri.exitOf(id)).toBe(7);
  await cri.remove(id);
  const killed = await cri.container(pod, 'killed', ['sleep', '1000']);
  await cri.stop(killed, 0);
  expect(await cri.exitOf(killed)).toBe(137);
  await expect(cri.container(pod, 'none', ['/no/such'])).rejects.toThrow('no such file or directory');
  await cri.removePod(pod);
  expect(await niwad.client.list()).toEqual([]);
});

test('the containers of a pod may share a PID namespace', async ({ cri }) => {
  const shared = { securityContext: { namespaceOptions: { pid: 'POD' } } };
  const pod = await cri.pod('shared', { linux: { cgroupParent: cri.groupOf('shared'), ...shared } });
  await cri.container(pod, 'first', ['sleep', '1001'], shared);
  const second = await cri.container(pod, 'second', ['sleep', '1002'], shared);
  const { stdout } = await cri.exec(second, 'busybox', 'ps', '-o', 'args');
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(['sleep 1000000', 'sleep 1001', 'sleep 1002']));
  await cri.removePod(pod);
});

test('a pod ends by the lifetime in its annotations', async ({ cri, niwad }) => {
  const before = niwad.ledger().length;
  const pod = await cri.pod('short', { annotations: { 'dev.niwa.lifetime': '1s' } });
  const id = await cri.container(pod, 'main', ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.1; done']);
  expect(await cri.exitOf(id)).toBe(7);
  await vi.waitFor(async () => expect((await cri.podStatus(pod)).state).toBe('SANDBOX_NOTREADY'), PATIENCE);
  const ends = () =>
    niwad
      .ledger()
      .slice(before)
      .filter(({ type }) => type === 'final');
  await vi.waitFor(() => expect(ends()).toMatchObject([{ reason: 'lifetime' }, { reason: 'lifetime' }]), PATIENCE);
  await cri.removePod(pod);
});

test('a container has limits, which are changed, and a use of processor and memory', { tags: 'vm' }, async ({
  cri,
  niwad,
  skip,
}) => {
  needsController(skip, 'memory');
  const pod = await cri.pod('limited');
  const resources = { cpuPeriod: 100_000, cpuQuota: 50_000, cpuShares: 512, memoryLimitInBytes: 64 * 2 ** 20 };
  const id = await cri.container(pod, 'main', ['sleep', '1000'], { resources });
  const group = join(lookAtCgroupTree('').mount, cri.groupOf('limited') ?? '', id);
  const now = () => ['memory.max', 'cpu.max'].map((file) => readFileSync(join(group, file), 'utf8').trim());
  expect(now()).toEqual([`${64 * 2 ** 20}`, '50000 100000']);
  await cri.update(id, { ...resources, cpuQuota: 100_000, memoryLimitInBytes: 128 * 2 ** 20 });
  expect(now()).toEqual([`${128 * 2 ** 20}`, '100000 100000']);
  const { cpu, memory } = await cri.stats(id); // containerd reads no file of a controller that is missing
  expect(cpu.usageCoreNanoSeconds.value).toBeGreaterThan(0);
  expect(memory?.workingSetBytes.value).toBeGreaterThan(0);
  await cri.removePod(pod);
  expect(await niwad.client.list()).toEqual([]);
});
