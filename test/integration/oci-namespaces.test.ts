import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { type BundleConfig, NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

type Namespace = { type: string; path?: string };
const FILES: Readonly<Record<string, string>> = { network: 'net', mount: 'mnt' };

/** Lets a config join namespaces of a process in place of new ones. */
const joining =
  (pid: number, ...types: string[]) =>
  ({ linux }: BundleConfig) => {
    const path = (type: string) => `/proc/${pid}/ns/${FILES[type] ?? type}`;
    const others = (linux.namespaces as Namespace[]).filter(({ type }) => !types.includes(type));
    linux.namespaces = [...others, ...types.map((type) => ({ type, path: path(type) }))];
  };

/** Makes and starts a container whose script goes on without the command. */
async function started(oci: Oci, script: string, change?: (config: BundleConfig) => void) {
  const id = oci.id();
  const made = await oci.make('run', '--detach', '--bundle', await oci.bundle(script, change), id);
  expect(made).toEqual({ exitCode: 0, message: '' });
  return { id, pid: (await oci.state(id)).pid };
}

/** Tries to make a container, which has to be refused; nothing of it is left. */
async function refusalOf(oci: Oci, change: (config: BundleConfig) => void): Promise<string> {
  const before = await oci.done('list', '--quiet');
  const { exitCode, message } = await oci.make('create', '--bundle', await oci.bundle('true', change), oci.id());
  expect(exitCode).toBe(1);
  expect(await oci.done('list', '--quiet')).toBe(before);
  return message;
}

const links = (pid: number, ...names: string[]) => names.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
const POD = ['network', 'ipc', 'uts', 'pid'];

describe('a container that joins those of another one', () => {
  test('is in them, and sees its processes', async ({ oci }) => {
    const first = await started(oci, 'exec sleep 100');
    const second = await started(oci, 'exec sleep 200', (config) => {
      joining(first.pid, ...POD)(config);
      config.hostname = 'of-both';
    });
    expect(links(second.pid, 'net', 'ipc', 'uts', 'pid')).toEqual(links(first.pid, 'net', 'ipc', 'uts', 'pid'));
    expect(links(second.pid, 'mnt')).not.toEqual(links(first.pid, 'mnt'));
    expect(await oci.done('exec', second.id, 'sh', '-c', 'tr "\\0" " " < /proc/1/cmdline; hostname')).toBe(
      'sleep 100 of-both',
    );
    await oci.done('delete', '--force', second.id);
    expect(await oci.state(first.id)).toMatchObject({ status: 'running' });
    await oci.done('delete', '--force', first.id);
  });

  test('ends alone, with all of its own processes', async ({ oci }) => {
    const first = await started(oci, 'exec sleep 100');
    const second = await started(oci, 'sleep 200 & exec sleep 300', joining(first.pid, 'pid'));
    await oci.done('kill', second.id, 'TERM'); // it is no init: it ends by a signal that it does not handle
    await oci.stopped(second.id);
    await oci.done('delete', second.id);
    expect(await oci.done('exec', first.id, 'sh', '-c', 'grep -l ^sleep /proc/*/cmdline')).toBe('/proc/1/cmdline');
    await oci.done('delete', '--force', first.id);
  });

  test('ends with its init, and is refused where that has ended', async ({ oci }) => {
    const first = await started(oci, 'exec sleep 100');
    const second = await started(oci, 'exec sleep 200', joining(first.pid, 'pid'));
    await oci.done('delete', '--force', first.id);
    await oci.stopped(second.id);
    await oci.done('delete', second.id);
    // the path is there as long as nobody has reaped the first process
    expect(await refusalOf(oci, joining(first.pid, 'pid'))).toMatch(
      /join the pid namespace .*ENOENT|the PID namespace that it was to join has ended/,
    );
  });
});

test('a create ends where a process of the joined PID namespace stops the new one', async ({ oci, niwad }) => {
  const first = await started(oci, 'exec sleep 100');
  const bundle = await oci.bundle('true', (config) => {
    joining(first.pid, 'pid')(config);
    const script = 'touch paused; until test -e go; do sleep 0.02; done';
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', script] }] };
  });
  const making = oci.make('create', '--bundle', bundle, oci.id());
  await vi.waitFor(() => expect(existsSync(join(bundle, 'paused'))).toBe(true), PATIENCE);
  const stop = 'for at in /proc/[0-9]*; do grep -qs niwa-boot $at/comm && kill -STOP $(basename $at); done; true';
  await oci.done('exec', first.id, 'sh', '-c', stop);
  writeFileSync(join(bundle, 'go'), '');
  expect(await making).toEqual({ exitCode: 1, message: expect.stringContaining('has stopped (SIGSTOP) the process') });
  await vi.waitFor(async () => expect(await niwad.client.list()).toHaveLength(1), PATIENCE);
  await oci.done('delete', '--force', first.id);
});

test.for(['pid', 'network', 'ipc', 'uts', 'cgroup', 'time', 'mount'])(
  'a path that is no %s namespace is refused by its name',
  async (type, { oci }) => {
    const message = await refusalOf(oci, ({ linux, mounts, root }) => {
      const others = (linux.namespaces as Namespace[]).filter((one) => one.type !== type);
      linux.namespaces = [...others, { type, path: '/proc/self/ns/user' }];
      if (type !== 'mount') return;
      mounts.splice(0);
      Object.assign(linux, { maskedPaths: [], readonlyPaths: [] });
      Object.assign(root as object, { readonly: false });
    });
    expect(message).toContain(`join the ${type} namespace /proc/self/ns/user`);
    expect(message).toContain('the path is no namespace of this type');
  },
);

describe('paths of a config', () => {
  test('are those of the mount namespace of the command, and may lead through links', async ({ oci, niwad }) => {
    const place = join(niwad.place.files, 'seen-by-the-command');
    mkdirSync(place);
    const bundle = await oci.bundle('cat /hidden/word', ({ mounts, root }) => {
      Object.assign(root as object, { path: join(place, 'root') });
      mounts.push({ destination: '/hidden', type: 'bind', source: join(place, 'link'), options: ['rbind'] });
    });
    const script = `mount -t tmpfs none ${place} && cd ${place} && mkdir real && echo seen > real/word &&
      ln -s real link && cp -a ${bundle}/rootfs rootfs && ln -s rootfs root &&
      exec ${NIWA_OCI} run --bundle ${bundle} ${oci.id()}`;
    const { stdout, stderr } = await execa('unshare', ['--mount', 'sh', '-c', script], {
      env: { NIWA_OCI_SOCKET: join(niwad.place.runDir, 'oci.sock') },
      reject: false,
    });
    expect([stdout, stderr]).toEqual(['seen', '']);
    expect(existsSync(join(place, 'real'))).toBe(false);
  });
});

/** Lets a config have these namespaces alone, and nothing that needs a mount. */
const unmounted =
  (...namespaces: Namespace[]) =>
  (config: BundleConfig) => {
    config.mounts = [];
    config.hostname = '';
    config.root = { path: 'rootfs' };
    Object.assign(config.linux, { namespaces, maskedPaths: [], readonlyPaths: [] });
  };

describe('a container without a mount namespace of its own', () => {
  const PROGRAMS = ['/bin/sh', '/bin/ls', '/bin/sleep'];
  /** Makes a bundle whose root has a few programs with their libraries, and needs no mount. */
  async function filled(oci: Oci, script: string, change: (config: BundleConfig) => void) {
    const bundle = await oci.bundle(script, change);
    const root = join(bundle, 'rootfs');
    rmSync(root, { recursive: true });
    mkdirSync(root);
    const { stdout } = await execa('ldd', PROGRAMS);
    const libraries = stdout.match(/\/\S+(?= \()/g) ?? [];
    await execa('cp', ['-L', '--parents', ...PROGRAMS, ...new Set(libraries), root]);
    return bundle;
  }

  test('has its directory as the root, also in an exec, and leaves no mount', async ({ oci, niwad }) => {
    const id = oci.id();
    const bundle = await filled(oci, 'exec sleep 100', unmounted({ type: 'pid' }));
    expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual({ exitCode: 0, message: '' });
    const { pid } = await oci.state(id);
    expect(links(pid, 'mnt')).toEqual([readlinkSync('/proc/self/ns/mnt')]);
    expect(readlinkSync(`/proc/${pid}/root`)).toBe(join(bundle, 'rootfs'));
    const listed = ['bin', 'dev', 'lib', 'lib64'];
    expect((await oci.done('exec', id, 'ls', '/')).split('\n')).toEqual(listed);
    const [{ id: own = '' } = {}] = await niwad.client.list();
    expect((await niwad.cli('exec', own, '--', 'ls', '/')).stdout.split('\n')).toEqual(listed);
    await oci.done('delete', '--force', id);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bundle);
  });

  test('is chrooted in a mount namespace that it joins, where its paths are found', async ({ oci, niwad }) => {
    const place = join(niwad.place.files, 'other');
    mkdirSync(place);
    const holder = execa('unshare', ['--mount', 'sh', '-c', `mount -t tmpfs none ${place}; echo; exec sleep 100`], {
      reject: false,
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    const { pid = 0 } = holder;
    const bundle = await filled(oci, 'ls /; exec ls', (config) => {
      unmounted({ type: 'mount', path: `/proc/${pid}/ns/mnt` })(config);
      config.root = { path: join(place, 'rootfs') };
    });
    await execa('nsenter', ['--mount', '--target', String(pid), 'cp', '-a', join(bundle, 'rootfs'), place]);
    const { stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect([stdout, stderr]).toEqual(['bin\ndev\nlib\nlib64\n'.repeat(2).trim(), '']);
  });

  test.for([
    ['mounts', (config: BundleConfig) => config.mounts.push({ destination: '/proc', type: 'proc' })],
    ['root.readonly', (config: BundleConfig) => Object.assign(config, { root: { path: 'rootfs', readonly: true } })],
    ['linux.maskedPaths', ({ linux }: BundleConfig) => Object.assign(linux, { maskedPaths: ['/proc/kcore'] })],
    ['linux.rootfsPropagation', ({ linux }: BundleConfig) => Object.assign(linux, { rootfsPropagation: 'shared' })],
  ] as const)('is refused with %s: the mount would stay', async ([field, change], { oci }) => {
    const message = await refusalOf(oci, (config) => {
      unmounted()(config);
      change(config);
    });
    expect(message).toMatch(new RegExp(`^${field}: it would stay in a mount namespace that others have`));
  });
});

test('a command without a capability gives none, and tells so', async ({ oci }) => {
  const bundle = await oci.bundle('grep CapBnd /proc/self/status');
  const env = { NIWA_OCI_SOCKET: oci.socket };
  const boundingBy = async (...before: string[]) => {
    const [program = '', ...words] = [...before, NIWA_OCI, 'run', '--bundle', bundle, oci.id()];
    const { stdout, stderr } = await execa(program, words, { env });
    return [stdout, stderr];
  };
  expect(await boundingBy()).toEqual(['CapBnd:\t0000000020000420', '']);
  expect(await boundingBy('setpriv', '--bounding-set=-kill')).toEqual([
    'CapBnd:\t0000000020000400',
    expect.stringContaining('process.capabilities "CAP_KILL", which niwa-oci or niwad does not have'),
  ]);
});

test('a command that may not join the network of the container says so', async ({ oci }) => {
  const bundle = await oci.bundle('true', (config) => {
    config.root = { path: 'rootfs' };
    config.mounts = [];
    delete config.hostname;
    Object.assign(config.linux, { namespaces: [{ type: 'network' }], maskedPaths: [], readonlyPaths: [] });
  });
  const words = ['--bounding-set=-sys_admin', NIWA_OCI, 'create', '--bundle', bundle, oci.id()];
  // niwad has no network that is ready for the first of them
  for (let i = 0; i < 5; i++) {
    const { exitCode, stderr } = await execa('setpriv', words, { env: { NIWA_OCI_SOCKET: oci.socket }, reject: false });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/clone3.*operation not permitted/)]);
  }
});
