// @module-tag vm
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { Booted } from '../integration/support/booted.js';
import { Containerd } from '../integration/support/containerd.js';
import { SHELL_IMAGE } from '../integration/support/engine.js';
import { host, needsFile } from '../integration/support/host.js';
import { PODMAN, Podman } from '../integration/support/podman.js';
import { test as base } from '../integration/support/test.js';

/** A pod of Kubernetes whose first container has ended when the second one begins. */
const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'kube' },
  spec: {
    hostNetwork: true,
    restartPolicy: 'Never',
    volumes: [{ name: 'shared', emptyDir: {} }],
    initContainers: [containerOf('first', 'echo made >/shared/file')],
    containers: [{ ...containerOf('main', 'exec sleep 1000'), securityContext: { runAsUser: 5 } }],
  },
};

const LONE = '[Unit]\nDefaultDependencies=no\n'; // without them it would boot the machine

/** Engines where a systemd is PID 1, with a system bus. */
const test = base
  .extend('booted', { scope: 'file' }, async ({ settings }, { onCleanup }) => {
    const booted = await Booted.boot(settings, { 'dbus.socket.d/test.conf': LONE, 'dbus.service.d/test.conf': LONE });
    onCleanup(() => booted.end());
    expect(await booted.systemd.run('systemctl', 'start', 'dbus.socket', 'dbus.service')).toBe('');
    return booted;
  })
  .extend('inside', { scope: 'file' }, async ({ booted }, { onCleanup }) => {
    const [niwad] = await booted.start();
    onCleanup(() => niwad.client.close());
    return niwad;
  })
  .extend('containerd', { scope: 'file' }, ({ booted, inside }) =>
    Containerd.start(inside, { launcher: booted.systemd.launcher }),
  ) // ends with systemd
  .extend('podman', { scope: 'file' }, async ({ booted, inside }, { onCleanup }) => {
    const podman = new Podman(inside, 'systemd');
    podman.enter(booted.systemd);
    onCleanup(async () => void (await podman.run('rm', '--all', '--force', '--time', '0')));
    return podman;
  });
beforeEach(({ skip }) => {
  needsFile(skip, '/lib/systemd/systemd', 'the package systemd is not installed');
  needsFile(skip, '/lib/systemd/system/dbus.service', 'the package dbus is not installed');
});

test('podman with systemd as its cgroup manager: limits, use, pause, exec and end', async ({
  booted,
  inside: niwad,
  podman,
  skip,
}) => {
  needsFile(skip, PODMAN, 'not installed');
  const hasLimits = !('memory' in host.missing);
  const limits = hasLimits ? ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '50'] : [];
  await podman.done(...podman.grouped('--detach', '--name', 'one', '--network=none', ...limits), 'sleep', '1000');
  const [own] = await niwad.client.list();
  const id = await podman.done('inspect', 'one', '--format', '{{.Id}}');
  const scope = `niwa.slice/niwa-podman.slice/libpod-${id}.scope`;
  const inside = readFileSync(booted.systemd.path(`/proc/${own?.pid}/cgroup`), 'utf8');
  expect(inside).toContain(`/${scope}/container\n`);
  const now = () => ['memory.max', 'cpu.max', 'pids.max'].map((file) => booted.file(`${scope}/container/${file}`));
  if (hasLimits) {
    expect(now()).toEqual([`${64 * 2 ** 20}`, '50000 100000', '50']);
    await podman.done('update', '--memory', '128m', '--cpus', '1', 'one');
    expect(await booted.systemd.run('systemctl', 'daemon-reload')).toBe('');
    expect(now()).toEqual([`${128 * 2 ** 20}`, '100000 100000', '50']);
  }
  expect(await podman.done('stats', '--no-stream', '--format', '{{.CPUPerc}}', 'one')).toMatch(/^\d+\.\d+%$/);
  expect(await podman.done('top', 'one', 'pid', 'args')).toMatch(/1 +sleep 1000/);
  await podman.done('pause', 'one');
  await podman.done('unpause', 'one');
  expect(await podman.done('exec', 'one', 'sh', '-c', 'echo $((6 * 7))')).toBe('42');
  await podman.done('rm', '--force', '--time', '0', 'one');
  await booted.gone(scope);
  expect(await niwad.client.list()).toEqual([]);
});

test('podman with systemd as its cgroup manager: a pod has a slice, where its containers have their scopes', async ({
  booted,
  inside: niwad,
  podman,
  skip,
}) => {
  needsFile(skip, PODMAN, 'not installed');
  await podman.loadImage();
  const pod = join(booted.place.files, 'pod.yaml');
  writeFileSync(pod, JSON.stringify(POD));
  await podman.done('play', 'kube', pod);
  const id = await podman.done('pod', 'inspect', 'kube', '--format', '{{.ID}}');
  const containers = await niwad.client.list();
  expect(containers.map(({ state }) => state)).toEqual(['running', 'running']);
  for (const { pid } of containers)
    expect(readFileSync(booted.systemd.path(`/proc/${pid}/cgroup`), 'utf8')).toMatch(
      new RegExp(`/machine.slice/machine-libpod_pod_${id}.slice/libpod-[0-9a-f]+.scope/container$`, 'm'),
    );
  const text = 'echo >/dev/null && id -u; busybox hostname; cat /shared/file';
  expect(await podman.done('exec', 'kube-main', 'sh', '-c', text)).toBe('5\nkube\nmade');
  await podman.done('play', 'kube', '--down', pod);
  await booted.gone(`machine.slice/machine-libpod_pod_${id}.slice`);
  expect(await niwad.client.list()).toEqual([]);
});

test('containerd with systemd as its cgroup manager: a limit, use, exec and end', async ({
  booted,
  inside: niwad,
  containerd,
}) => {
  const hasLimits = !('memory' in host.missing);
  const scoped = ['--runc-systemd-cgroup', '--cgroup', 'niwa-ctr.slice:cri-containerd:two'];
  const limits = hasLimits ? ['--memory-limit', '67108864'] : [];
  await containerd.done(...containerd.container('two', '--detach', ...scoped, ...limits), 'sleep', '1000');
  const scope = 'niwa.slice/niwa-ctr.slice/cri-containerd-two.scope';
  expect(booted.file(`${scope}/container/cgroup.procs`)).toMatch(/^\d+$/);
  expect(await containerd.done('task', 'exec', '--exec-id', 'e', 'two', 'sh', '-c', 'echo within')).toBe('within');
  const metrics = await containerd.done('task', 'metrics', 'two');
  if (hasLimits) expect(metrics).toMatch(/^memory\.usage_limit +67108864 *$/m);
  await containerd.done('task', 'rm', '--force', 'two');
  await containerd.done('container', 'rm', 'two');
  await booted.gone(scope);
  expect(await niwad.client.list()).toEqual([]);
});

function containerOf(name: string, script: string): object {
  return {
    name,
    image: SHELL_IMAGE,
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
  };
}
