import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { labelModules } from '../../src/host/labels.js';
import { SLOWNESS } from './support/host.js';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const LONG = { timeout: 60_000 * SLOWNESS };
const test = base
  .extend('oci', ({ niwad }) => new Oci(niwad))
  .extend('id', async ({ oci }, { onCleanup }) => {
    const id = oci.id();
    const made = await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 1000'), id);
    expect(made).toEqual({ exitCode: 0, message: '' });
    onCleanup(async () => void (await oci.done('delete', '--force', id)));
    return id;
  });

test('exec --preserve-fds gives descriptors on', async ({ niwad, id }) => {
  const file = join(niwad.place.files, 'kept');
  writeFileSync(file, 'of the file');
  const env = { NIWA_OCI_SOCKET: join(niwad.place.runDir, 'oci.sock') };
  const words = `exec ${NIWA_OCI} exec --preserve-fds 1 ${id} sh -c 'cat <&3' 3< ${file}`;
  const { stdout } = await execa('sh', ['-c', words], { env, stdin: 'ignore' });
  expect(stdout).toBe('of the file');
});

test('exec --cgroup places the process in a group below that of the container', async ({ niwad, oci, id }) => {
  const [{ cgroup } = { cgroup: '' }] = await Promise.all(
    (await niwad.client.list()).map((one) => niwad.client.inspect(one.id)),
  );
  const below = join(cgroup, 'below');
  mkdirSync(below);
  const groupOf = (path: string) => oci.run('exec', '--cgroup', path, id, 'grep', '^0::', '/proc/self/cgroup');
  expect((await groupOf('below')).stdout).toBe('0::/below');
  expect((await groupOf('/')).stdout).toBe('0::/');
  expect((await groupOf('..')).stderr).toContain('bad sub cgroup path: ..');
  expect((await groupOf('none')).stderr).toContain('no such file or directory');
  rmdirSync(below);
});

test('exec --ignore-paused waits until the container is resumed', async ({ oci, id }) => {
  await oci.done('pause', id);
  expect((await oci.run('exec', id, 'true')).stderr).toContain('cannot exec in a paused container');
  const executed = oci.done('exec', '--ignore-paused', id, 'echo', 'late');
  const first = await Promise.race([executed, new Promise((resolve) => setTimeout(resolve, 500, 'nothing'))]);
  expect(first).toBe('nothing');
  await oci.done('resume', id);
  expect(await executed).toBe('late');
});

test('exec --ignore-paused waits only where the container is paused', LONG, async ({ niwad, oci, id }) => {
  const [status] = await niwad.client.list();
  const { cgroup } = await niwad.client.inspect(status?.id ?? '');
  const freeze = (value: string) => writeFileSync(join(cgroup, 'cgroup.freeze'), value);
  freeze('1'); // nobody has paused it: so does a process of the container that stops that of an exec
  const { stderr } = await oci.run('exec', '--ignore-paused', id, 'true').finally(() => freeze('0'));
  expect(stderr).toContain('did not let its boot helper go on in time');
});

test('exec --apparmor and --process-label ask for labels, which a host without them refuses', async ({
  oci,
  id,
  skip,
}) => {
  const { apparmor, selinux } = labelModules();
  skip(apparmor || selinux, 'the host has labels');
  expect(await oci.done('exec', '--apparmor', 'unconfined', id, 'echo', 'runs')).toBe('runs');
  const profile = await oci.run('exec', '--apparmor', 'some-profile', id, 'true');
  expect(profile).toMatchObject({
    exitCode: 255,
    stderr: expect.stringContaining('process.apparmorProfile: AppArmor is'),
  });
  const label = await oci.run('exec', '--process-label', 'system_u:system_r:some_t:s0', id, 'true');
  expect(label).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('process.selinuxLabel: SELinux is') });
});

test('process.execCPUAffinity chooses the CPUs, without it the command does not', async ({ niwad, oci, id, skip }) => {
  const last = cpus().length - 1;
  if (last < 1) skip('one CPU');
  const all = `0-${last}`;
  const script = 'grep Cpus_allowed_list /proc/self/status';
  const file = join(niwad.place.files, 'process.json');
  const listOf = (text: string) => text.replace(/^Cpus_allowed_list:\s*/, '');
  const seen = async (execCPUAffinity: object) => {
    const process = { user: { uid: 0, gid: 0 }, args: script.split(' '), cwd: '/', env: ['PATH=/usr/bin'] };
    writeFileSync(file, JSON.stringify({ ...process, execCPUAffinity }));
    return listOf(await oci.done('exec', '--process', file, id));
  };
  expect(await seen({ initial: '1' })).toBe('1');
  expect(await seen({ initial: '1', final: '0' })).toBe('0');
  expect(await seen({})).toBe(all);
  const env = { NIWA_OCI_SOCKET: join(niwad.place.runDir, 'oci.sock') };
  const pinned = await execa('taskset', ['-c', '0', NIWA_OCI, 'exec', id, ...script.split(' ')], { env });
  expect(listOf(pinned.stdout)).toBe(all);
});
