// Technique: root with all capabilities, no filter and nothing masked, in a container of an engine with a user namespace:
// it may do all in its own namespaces, and nothing to the host.
import { chmodSync, chownSync, copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { resolveCapabilities } from '../../src/spec/capabilities.js';
import { PATIENCE } from '../integration/support/host.js';
import type { BundleConfig, Oci } from '../integration/support/oci.js';
import { attackOnHost, compiled, results } from './attack.js';
import { inUserNamespace, test } from './oci-attack.js';

const FIRST = 300_000;
const mapped = inUserNamespace(FIRST);
/** All that root of every host has that runs these tests. */
const ALL = resolveCapabilities({ add: ['ALL'] })
  .filter((name) => name !== 'SYS_RESOURCE')
  .map((name) => `CAP_${name}`);

/** A config with no protection but the user namespace. */
function unprotected(config: BundleConfig): void {
  config.process.capabilities = { bounding: ALL, effective: ALL, permitted: ALL };
  config.process.noNewPrivileges = false;
  Object.assign(config.linux, { maskedPaths: [], readonlyPaths: [] });
  Object.assign(config.linux.resources as object, { devices: [{ allow: true, access: 'rwm' }] });
  config.root = { path: 'rootfs', readonly: false };
}

/** Runs a program with arguments, with `volume` at /volume; without the user namespace as a control. */
async function tried(oci: Oci, volume: string, args: string[], change: (config: BundleConfig) => void) {
  const bundle = await oci.bundle('', (config) => {
    unprotected(config);
    const bind = (source: string, destination: string) =>
      config.mounts.push({ destination, type: 'bind', source, options: ['bind'] });
    bind(compiled(args[0] ?? ''), '/attack');
    bind(volume, '/volume');
    config.process.args = ['/attack', ...args.slice(1)];
    change(config);
  });
  chownSync(join(bundle, 'rootfs'), FIRST, FIRST);
  return results(await oci.done('run', '--bundle', bundle, oci.id()));
}

const MACHINE = ['swapon', 'acct', 'syslog'];
const of = (all: Record<string, string>) => MACHINE.map((name) => all[name]);

test('user namespace: what acts on the whole machine is refused', async ({ oci, volume }) => {
  const allowed = await tried(oci, volume, ['privileged-calls'], () => {});
  expect(of(allowed)).not.toContain('EPERM'); // the control
  expect(new Set(of(await tried(oci, volume, ['privileged-calls'], mapped)))).toEqual(new Set(['EPERM']));
});

test('user namespace: files of root of the host are not its own', async ({ oci, volume }) => {
  writeFileSync(join(volume, 'secret'), 'secret', { mode: 0o600 });
  const args = ['read-file', '/volume/secret'];
  expect(await tried(oci, volume, args, () => {})).toEqual({ '/volume/secret': 'worked' }); // the control
  expect(await tried(oci, volume, args, mapped)).toEqual({ '/volume/secret': 'EACCES' });
});

test('user namespace: it makes no device, and none is made for it beside those of its config', async ({
  oci,
  volume,
}) => {
  const args = ['device-nodes', 'b', '7', '300'];
  expect(await tried(oci, volume, args, () => {})).toMatchObject({ mknod: 'worked' }); // the control
  expect(await tried(oci, volume, args, mapped)).toEqual({ mknod: 'EPERM' });
});

test('user namespace: a setuid program of root of the host makes nobody its root', async ({ oci, volume }) => {
  const program = join(volume, 'setuid');
  copyFileSync(compiled('setuid'), program);
  chmodSync(program, 0o4755);
  const asUser = (config: BundleConfig) => {
    config.process.args = ['/volume/setuid'];
    config.process.user = { uid: 1000, gid: 1000 };
    config.process.capabilities = {};
  };
  expect(await tried(oci, volume, ['setuid'], asUser)).toEqual({ real: '1000', effective: '0' }); // the control
  const inside = await tried(oci, volume, ['setuid'], (config) => {
    mapped(config);
    asUser(config);
  });
  expect(inside).toEqual({ real: '1000', effective: '1000' });
});

test('user namespace: nothing that it makes belongs to root of the host', async ({ oci, volume }) => {
  chmodSync(volume, 0o777);
  const script =
    'rm -f /volume/*; touch /volume/made; chown 70000 /volume/made; cp /bin/true /volume/suid; chmod 4755 /volume/suid; true';
  const made = async (change: (config: BundleConfig) => void) => {
    const bundle = await oci.bundle(script, (config) => {
      unprotected(config);
      config.mounts.push({ destination: '/volume', type: 'bind', source: volume, options: ['bind'] });
      change(config);
    });
    chownSync(join(bundle, 'rootfs'), FIRST, FIRST);
    await oci.done('run', '--bundle', bundle, oci.id());
    return ['made', 'suid'].map((name) => statSync(join(volume, name)).uid);
  };
  expect(await made(mapped)).toEqual([FIRST, FIRST]);
  expect(await made(() => {})).toEqual([70_000, 0]); // the control
});

test('user namespace: while it is made in a PID namespace of others, they do not reach the files of the host by it', async ({
  oci,
  volume,
}) => {
  const secret = join(volume, 'secret');
  writeFileSync(secret, 'secret');
  /** Makes a container in the PID namespace of another one, which looks for the secret when all is mounted. */
  async function found(...capabilities: string[]) {
    const [first, second] = [oci.id(), oci.id()];
    const others = await oci.bundle('exec sleep 1000', ({ process }) => {
      for (const set of Object.values(process.capabilities as Record<string, string[]>)) set.push(...capabilities);
    });
    await oci.make('run', '--detach', '--bundle', others, first);
    const { pid } = await oci.state(first);
    const bundle = await oci.bundle('true', (config) => {
      const ids = [{ containerID: 0, hostID: 0, size: 65_536 }];
      const spaces = (config.linux.namespaces as { type: string }[]).filter(({ type }) => type !== 'pid');
      const namespaces = [...spaces, { type: 'pid', path: `/proc/${pid}/ns/pid` }, { type: 'user' }];
      Object.assign(config.linux, { namespaces, uidMappings: ids, gidMappings: ids });
      // only who has rights over the PID namespace mounts it
      config.mounts = config.mounts.filter(({ destination }) => destination !== '/proc');
      const script = 'touch paused; until test -e go; do sleep 0.02; done';
      config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', script] }] };
    });
    const making = oci.make('create', '--bundle', bundle, second);
    await vi.waitFor(() => expect(existsSync(join(bundle, 'paused'))).toBe(true), PATIENCE);
    const { stdout } = await oci.run('exec', first, 'sh', '-c', `cat /proc/[0-9]*/root${secret}`);
    writeFileSync(join(bundle, 'go'), '');
    expect(await making).toEqual({ exitCode: 0, message: '' });
    for (const id of [second, first]) await oci.done('delete', '--force', id);
    return stdout;
  }
  expect(await found('CAP_SYS_PTRACE')).toBe('secret'); // the control
  expect(await found()).toBe('');
});

test("user namespace: it comes to the end of the kernel's quotas, and root of the host keeps its own", async ({
  oci,
}) => {
  /** Lets a container take all that it gets, and gives what root gets on the host meanwhile. */
  const takeAll = async (change: (config: BundleConfig) => void) => {
    const bundle = await oci.bundle('', (config) => {
      unprotected(config);
      config.mounts.push({ destination: '/attack', type: 'bind', source: compiled('take-quotas'), options: ['bind'] });
      config.process.args = ['/attack', '2000'];
      change(config);
    });
    chownSync(join(bundle, 'rootfs'), FIRST, FIRST);
    const id = oci.id();
    const taking = oci.begin('run', '--bundle', bundle, id);
    const text: string[] = [];
    taking.stdout.on('data', (bytes) => text.push(String(bytes)));
    await vi.waitFor(() => expect(text.join('')).toContain('inotify instances'), PATIENCE);
    const root = await attackOnHost('take-quotas');
    await oci.done('kill', id, 'KILL');
    await taking;
    return root;
  };
  const kept = { 'pending signals': '1', 'message queues': '1', 'inotify instances': '1' };
  expect(await takeAll(mapped)).toEqual(kept);
  expect(await takeAll(() => {})).toMatchObject({ 'inotify instances': '0' }); // the control
});
