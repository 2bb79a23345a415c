// @module-tag vm
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect } from 'vitest';
import { mountsOf, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';

/** The files of /proc/PID/ns, by the names of the spec. */
const FILES = { mount: 'mnt', pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup' };
const NAMES = Object.keys(FILES) as (keyof typeof FILES)[];
const SHOW = `cd /proc/self/ns; for name in ${Object.values(FILES).join(' ')}; do readlink $name; done`;
const sleeper = { args: ['sleep', '1000'] };

/** The namespaces of a process, or of the container that runs a script in them. */
const ofProcess = (pid: number | 'self') => Object.values(FILES).map((file) => readlinkSync(`/proc/${pid}/ns/${file}`));
const ofRun = async (niwad: Niwad, namespaces: object) => (await niwad.sh(SHOW, { namespaces })).split('\n');

test('are all new where the spec says nothing', async ({ niwad }) => {
  const own = await ofRun(niwad, {});
  const hosts = ofProcess('self');
  expect(own).toHaveLength(NAMES.length);
  for (const [i, namespace] of own.entries()) expect(namespace).not.toBe(hosts[i]);
});

test("are the host's where the spec says so, each by itself and all together", async ({ niwad }) => {
  const hosts = ofProcess('self');
  for (const [i, name] of NAMES.entries()) {
    const own = await ofRun(niwad, { [name]: 'host' });
    expect(own.filter((namespace) => hosts.includes(namespace))).toEqual([hosts[i]]);
  }
  expect(await ofRun(niwad, Object.fromEntries(NAMES.map((name) => [name, 'host'])))).toEqual(hosts);
});

test("can be another container's, by path", async ({ niwad }) => {
  const { pid } = await niwad.start({ id: 'joined', process: sleeper, hostname: 'elsewhere' });
  const of = (name: string) => `/proc/${pid}/ns/${name}`;
  const namespaces = { pid: of('pid'), network: of('net'), ipc: of('ipc'), uts: of('uts') };
  const theirs = ofProcess(pid ?? 0);
  const own = await ofRun(niwad, namespaces);
  expect(own.filter((namespace) => theirs.includes(namespace))).toEqual(theirs.slice(1, 5));
  expect(await niwad.sh('cat /proc/1/comm; hostname', { namespaces })).toBe('sleep\nelsewhere');

  const whole = Object.fromEntries(NAMES.map((name) => [name, of(FILES[name])]));
  expect(await ofRun(niwad, whole)).toEqual(theirs);
  await niwad.client.remove('joined', { force: true });
});

test('show a container no process but its own', async ({ niwad }) => {
  expect(await niwad.sh('echo $$; ls -d /proc/[0-9]*')).toBe('1\n/proc/1');
});

test('give a network with nothing but lo, which is up', async ({ niwad }) => {
  expect(await niwad.sh('ls /sys/class/net; cat /sys/class/net/lo/flags')).toBe('lo\n0x9');
});

test("give a host name of the container's own: its id, or that of the spec", async ({ niwad }) => {
  const before = hostname();
  expect(await niwad.sh('hostname', { id: 'a_name.of_mine' })).toBe('a-name.of-mine');
  expect(await niwad.sh('hostname', { hostname: 'web-1' })).toBe('web-1');
  expect(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()).toBe(before);
});

test('show the own group as the root of the cgroups, read-only', async ({ niwad }) => {
  const shown = await niwad.sh(
    'tail -n 1 /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs; test -w /sys/fs/cgroup || echo ro',
  );
  expect(shown).toMatch(/^0::\/\n1\n\d+\nro$/);
});

test("leave the host's mounts as they were, while a container runs and after it", async ({ niwad }) => {
  const mounts = () => mountsOf(niwad.place);
  const before = mounts();
  const mount = { type: 'tmpfs' as const, target: '/mnt' };
  const { pid } = await niwad.start({ id: 'mounts', process: sleeper, mounts: [mount] });
  expect(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).toContain(' /mnt ');
  expect(mounts()).toEqual(before);
  await niwad.client.remove('mounts', { force: true });
  expect(mounts()).toEqual(before);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});
