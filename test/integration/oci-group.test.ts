// @module-tag vm
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { host, needsController, PATIENCE } from './support/host.js';
import { isAlive, type Niwad, type Place } from './support/niwad.js';
import { Oci } from './support/oci.js';
import { test as base } from './support/test.js';

/** The groups of the containers of engines: where they are, frozen, limited and measured. */

cleanUpDaemons();
const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const SLEEPER = 'exec sleep 1000';
const MADE = { exitCode: 0, message: '' };

const words = async (oci: Oci, ...args: string[]) => (await oci.run(...args)).stderr.replace('niwa-oci: ', '');
const become = (oci: Oci, id: string, status: string) =>
  vi.waitFor(async () => expect((await oci.state(id)).status).toBe(status), PATIENCE);
const baseOf = ({ cgroup }: Place) => lookAtCgroupTree(cgroup).base;

/** Starts a container in a group; the path is below niwad's own group. Gives its id. */
async function startIn(oci: Oci, { cgroup }: Place, path: string): Promise<string> {
  const id = oci.id();
  const bundle = await oci.bundle(SLEEPER, (config) => {
    config.linux.cgroupsPath = `/${cgroup}/${path}`;
  });
  expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
  return id;
}

async function startSleeper(oci: Oci): Promise<{ id: string; group: (niwad: Niwad, file: string) => Promise<string> }> {
  const id = oci.id();
  expect(await oci.make('run', '--detach', '--bundle', await oci.bundle(SLEEPER), id)).toEqual(MADE);
  const group = async (niwad: Niwad, file: string) => {
    const own = (await niwad.client.list()).find((container) => container.oci?.id === id);
    return niwad.groupFile(own?.id ?? '', file);
  };
  return { id, group };
}

test('a paused container stands still until it is resumed', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle('while :; do echo . >>/ticks; sleep 0.01; done', (config) => {
    config.root = { path: 'rootfs' };
  });
  const ticks = () => statSync(join(bundle, 'rootfs/ticks'), { throwIfNoEntry: false })?.size ?? 0;
  const moves = async (than: number) => vi.waitFor(() => expect(ticks()).toBeGreaterThan(than), PATIENCE);
  expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
  expect(await words(oci, 'pause', id)).toBe('cannot pause: container not running: created');
  await oci.done('start', id);
  await moves(0);

  await oci.done('pause', id);
  expect((await oci.state(id)).status).toBe('paused');
  const before = ticks();
  await sleep(200);
  expect(ticks()).toBe(before);
  expect(await words(oci, 'pause', id)).toBe('cannot pause: container not running: paused');
  await oci.done('resume', id);
  expect((await oci.state(id)).status).toBe('running');
  await moves(before);
  expect(await words(oci, 'resume', id)).toBe('cannot resume: container not paused: running');

  await oci.done('pause', id);
  await oci.done('delete', '--force', id);
  expect(await words(oci, 'state', id)).toBe(`container "${id}" does not exist`);
});

describe('update', () => {
  test('refuses a limit by the name of the controller that the host lacks', async ({ oci, skip }) => {
    skip(!('pids' in host.missing), 'needs a host without the pids controller');
    const { id } = await startSleeper(oci);
    expect(await words(oci, 'update', '--pids-limit', '5', id)).toMatch(/^pids\.max needs the pids controller/);
    expect(await words(oci, 'update', '--memory', 'x', id)).toMatch(/^--memory "x": /);
    expect(await words(oci, 'update', '--l3-cache-schema', 'x', id)).toContain('Intel RDT');
    await oci.done('update', '--memory', '0', id); // asks for nothing
    await oci.done('delete', '--force', id);
  });

  test('sets limits, and leaves all as they were where one is refused', async ({ oci, niwad, skip }) => {
    for (const name of ['cpu', 'memory', 'pids'] as const) needsController(skip, name);
    const { id, group } = await startSleeper(oci);
    await oci.done('update', '--memory', '64m', '--cpu-quota', '20000', '--pids-limit', '9', id);
    await oci.done('update', '--cpu-period', '50000', '--memory-swap', '65m', id);
    const files = ['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max'];
    const now = () => Promise.all(files.map((file) => group(niwad, file)));
    const limits = [String(64 * 2 ** 20), String(2 ** 20), '20000 50000', '9'];
    expect(await now()).toEqual(limits);
    const partly = JSON.stringify({ memory: { limit: 70 * 2 ** 20 }, unified: { 'memory.high': 'much' } });
    const refusal = await words(oci, 'update', '--resources', await written(niwad, partly), id);
    expect(refusal).toContain('the kernel refuses memory.high = "much"');
    expect(await now()).toEqual(limits);
    const resources = JSON.stringify({ memory: { limit: 4096, checkBeforeUpdate: true } });
    expect(await words(oci, 'update', '--resources', await written(niwad, resources), id)).toMatch(/would kill it/);
    await oci.done('update', '--resources', await written(niwad, '{"pids": {"limit": -1}}'), id);
    expect(await group(niwad, 'pids.max')).toBe('max');
    await oci.done('delete', '--force', id);
  });
});

test('limits are there when the program begins: it reads them from its own group', async ({ oci, skip }) => {
  for (const name of ['cpu', 'memory', 'pids'] as const) needsController(skip, name);
  const files = ['memory.max', 'memory.swap.max', 'cpu.max', 'cpu.weight', 'pids.max'];
  const bundle = await oci.bundle('', ({ process, linux }) => {
    process.args = ['cat', ...files.map((file) => `/sys/fs/cgroup/${file}`)];
    linux.resources = {
      memory: { limit: 2 ** 26, swap: 2 ** 27 },
      cpu: { shares: 2048, quota: 50_000, period: 100_000 },
      pids: { limit: 9 },
    };
  });
  const lines = (await oci.done('run', '--bundle', bundle, oci.id())).split('\n');
  expect(lines).toEqual([`${2 ** 26}`, `${2 ** 26}`, '50000 100000', '79', '9']);
});

async function written(niwad: Niwad, text: string): Promise<string> {
  const path = join(niwad.place.files, 'resources.json');
  await execa('tee', [path], { input: text });
  return path;
}

test('events give the use of a container: once, or until it ends', async ({ oci }) => {
  const { id } = await startSleeper(oci);
  const once = JSON.parse(await oci.done('events', '--stats', id));
  expect(once).toMatchObject({ type: 'stats', id, data: { cpu: { throttling: { periods: 0 } } } });
  expect(once.data.cpu.usage.total).toBeGreaterThan(0);
  expect('memory' in once.data).toBe(!('memory' in host.missing));
  const told = oci.begin('events', '--interval', '20ms', id);
  let output = '';
  told.stdout.on('data', (bytes) => (output += bytes));
  await vi.waitFor(() => expect(output.split('\n').length).toBeGreaterThan(3), PATIENCE);
  await oci.done('kill', id, 'KILL');
  expect((await told).exitCode).toBe(0);
  for (const line of output.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ type: 'stats', id });
  expect(await words(oci, 'events', '--stats', id)).toBe('container not running: stopped');
  expect(await words(oci, 'events', '--interval', 'soon', id)).toContain('has to be a time such as 5s');
  await oci.done('delete', id);
});

test('events tell of OOM kills, also of the one that ends the container', async ({ oci, skip }) => {
  needsController(skip, 'memory');
  const id = oci.id();
  const bundle = await oci.bundle('tail /dev/zero; sleep 1; exec tail /dev/zero', ({ linux }) => {
    linux.resources = { memory: { limit: 32 * 2 ** 20, swap: 32 * 2 ** 20 } };
  });
  expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
  const following = oci.begin('events', '--interval', '50ms', id);
  await once(following.stdout, 'data');
  await oci.done('start', id);
  const lines = (await following).stdout.split('\n').map((line) => JSON.parse(line));
  const kills = lines.filter(({ type }) => type === 'oom');
  expect(kills).toEqual([
    { type: 'oom', id },
    { type: 'oom', id },
  ]);
  await oci.done('delete', id);
});

describe('cgroupsPath', () => {
  test('says where the group is; groups above it are made and removed again', async ({ oci, niwad: { place } }) => {
    const pods = join(baseOf(place), 'pods');
    const [first, second] = [await startIn(oci, place, 'pods/a/one'), await startIn(oci, place, 'pods/a/two')];
    const { pid } = await oci.state(first);
    expect(readFileSync(join(pods, 'a/one/cgroup.procs'), 'utf8')).toBe(`${pid}\n`);
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`0::/${place.cgroup}/pods/a/one\n`);
    await oci.done('delete', '--force', first);
    expect([existsSync(join(pods, 'a/one')), existsSync(join(pods, 'a/two'))]).toEqual([false, true]);
    await oci.done('delete', '--force', second);
    expect(existsSync(pods)).toBe(false);
  });

  test('that is relative is below oci in the group of niwad', async ({ oci, niwad: { place } }) => {
    const id = oci.id();
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.linux.cgroupsPath = 'x/y';
    });
    expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
    expect(existsSync(join(baseOf(place), 'oci/x/y/cgroup.procs'))).toBe(true);
    await oci.done('delete', id);
    expect(existsSync(join(baseOf(place), 'oci'))).toBe(false);
  });

  test('of an empty group that is there is a new group: what had run in it is not paid again', async ({
    oci,
    niwad,
  }) => {
    const group = join(baseOf(niwad.place), 'used');
    mkdirSync(group);
    // in the group before it uses the processor
    await execa('sh', ['-c', `echo $$ >${group}/cgroup.procs; for i in $(seq 1000000); do :; done`]);
    const usageUsec = () => Number(/usage_usec (\d+)/.exec(readFileSync(join(group, 'cpu.stat'), 'utf8'))?.[1]);
    const before = usageUsec();
    expect(before).toBeGreaterThan(50_000);
    const id = await startIn(oci, niwad.place, 'used');
    expect(usageUsec()).toBeLessThan(before);
    const [status] = await niwad.client.list();
    await oci.done('delete', '--force', id);
    expect(existsSync(group)).toBe(false);
    const record = niwad.ledger().find((one) => one.id === status?.id && one.type === 'final');
    expect(record?.usage?.cpu.usage_usec).toBeLessThan(before);
  });

  test('of a frozen group is refused', async ({ oci, niwad: { place } }) => {
    const group = join(baseOf(place), 'frozen');
    mkdirSync(group);
    try {
      writeFileSync(join(group, 'cgroup.freeze'), '1');
      const bundle = await oci.bundle('true', (config) => {
        config.linux.cgroupsPath = `/${place.cgroup}/frozen`;
      });
      const made = await oci.make('run', '--bundle', bundle, oci.id());
      expect(made).toEqual({ exitCode: 1, message: expect.stringContaining("container's cgroup unexpectedly frozen") });
    } finally {
      rmdirSync(group);
    }
  });

  test('takes over no group with processes, and keeps those of others', async ({ oci, niwad: { place } }) => {
    const theirs = join(baseOf(place), 'theirs');
    mkdirSync(theirs);
    const bystander = execa('sleep', ['1000'], { reject: false });
    try {
      await execa('tee', [join(theirs, 'cgroup.procs')], { input: String(bystander.pid) });
      const bundle = await oci.bundle('true', (config) => {
        config.linux.cgroupsPath = `/${place.cgroup}/theirs`;
      });
      const made = await oci.make('run', '--bundle', bundle, oci.id());
      expect(made).toEqual({
        exitCode: 1,
        message: expect.stringContaining('the group has processes or groups in it'),
      });
      expect(isAlive(bystander.pid ?? 0)).toBe(true);
      const id = await startIn(oci, place, 'theirs/inside');
      await oci.done('delete', '--force', id);
      expect(isAlive(bystander.pid ?? 0)).toBe(true);
      expect([existsSync(theirs), existsSync(join(theirs, 'inside'))]).toEqual([true, false]);
    } finally {
      bystander.kill('SIGKILL');
      await bystander;
      await vi.waitFor(() => rmdirSync(theirs), PATIENCE);
    }
  });

  test('of systemd needs the option for it', async ({ oci }) => {
    const bundle = await oci.bundle('true', (config) => {
      config.linux.cgroupsPath = 'system.slice:niwa:x';
    });
    expect((await oci.make('create', '--bundle', bundle, oci.id())).message).toContain('it needs --systemd-cgroup');
    await oci.done('--systemd-cgroup', 'list');
    await oci.done('--cgroup-manager', 'systemd', 'list');
  });

  test('goes on under the next niwad', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const oci = new Oci(first);
    const id = await startIn(oci, place, 'pods/kept');
    const before = await oci.state(id);
    await first.stop('SIGKILL');
    await startDaemon(place);
    expect(await oci.state(id)).toEqual(before);
    await oci.done('pause', id);
    await oci.done('resume', id);
    await oci.done('kill', id, 'KILL');
    await become(oci, id, 'stopped');
    await oci.done('delete', id);
    expect([isAlive(before.pid), existsSync(join(baseOf(place), 'pods'))]).toEqual([false, false]);
  });

  test('of a container that has ended is of whoever makes the group again', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const oci = new Oci(first);
    const id = await startIn(oci, place, 'pods/again');
    await oci.done('kill', id, 'KILL');
    const again = join(baseOf(place), 'pods/again');
    await vi.waitFor(async () => expect((await first.client.list())[0]?.state).toBe('exited'), PATIENCE);
    mkdirSync(again);
    const bystander = execa('sleep', ['1000'], { reject: false });
    try {
      await execa('tee', [join(again, 'cgroup.procs')], { input: String(bystander.pid) });
      await first.stop('SIGKILL');
      await startDaemon(place);
      await become(oci, id, 'stopped');
      await oci.done('delete', id);
      expect([isAlive(bystander.pid ?? 0), existsSync(again)]).toEqual([true, true]);
    } finally {
      bystander.kill('SIGKILL');
      await bystander;
    }
  });

  /** Makes a group with a process in it, in place of one that may be left; says whether both stay while niwad starts. */
  async function staysUnder(group: string, start: () => Promise<unknown>): Promise<boolean> {
    if (existsSync(group)) await vi.waitFor(() => rmdirSync(group), PATIENCE);
    mkdirSync(group, { recursive: true });
    const bystander = execa('sleep', ['1000'], { reject: false });
    try {
      await execa('tee', [join(group, 'cgroup.procs')], { input: String(bystander.pid) });
      await start();
      await sleep(300);
      return isAlive(bystander.pid ?? 0) && existsSync(group);
    } finally {
      bystander.kill('SIGKILL');
      await bystander;
    }
  }

  test('of a container that ended while no niwad ran goes with the groups that it has made', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const oci = new Oci(first);
    const id = await startIn(oci, place, 'pods/divided');
    const { pid } = await oci.state(id);
    const group = join(baseOf(place), 'pods/divided');
    mkdirSync(join(group, 'below/deeper'), { recursive: true });
    await first.stop('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await startDaemon(place);
    await become(oci, id, 'stopped');
    await vi.waitFor(() => expect(existsSync(group)).toBe(false), PATIENCE);
    await oci.done('delete', id);
  });

  test('of a container that ended while no niwad ran is of whoever makes the group again', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const oci = new Oci(first);
    const id = await startIn(oci, place, 'pods/again');
    const { pid } = await oci.state(id);
    await first.stop('SIGKILL');
    process.kill(pid, 'SIGKILL');
    expect(await staysUnder(join(baseOf(place), 'pods/again'), () => startDaemon(place))).toBe(true);
    await become(oci, id, 'stopped');
    await oci.done('delete', id);
  });

  test('of a start that niwad did not survive is of whoever makes the group', async () => {
    const place = newPlace();
    const oci = new Oci(await startDaemon(place, { NIWA_CRASH_AT: 'making-saved' }));
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.linux.cgroupsPath = `/${place.cgroup}/pods/half`;
    });
    expect((await oci.make('create', '--bundle', bundle, 'half')).exitCode).toBe(1);
    expect(await staysUnder(join(baseOf(place), 'pods/half'), () => startDaemon(place))).toBe(true);
  });

  test('cannot be inside the group of a container that is being made', async ({ oci, niwad: { place } }) => {
    const at = (path: string, hooks = {}) =>
      oci.bundle(SLEEPER, (config) => {
        config.linux.cgroupsPath = `/${place.cgroup}/${path}`;
        config.hooks = hooks;
      });
    const waits = 'echo >here; until test -e go; do sleep 0.05; done';
    const hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', waits] }] };
    const [bundle, id] = [await at('pods/outer', hooks), oci.id()];
    const making = oci.make('create', '--bundle', bundle, id);
    await vi.waitFor(() => expect(existsSync(join(bundle, 'here'))).toBe(true), PATIENCE);
    const inner = await oci.make('create', '--bundle', await at('pods/outer/inner'), oci.id());
    writeFileSync(join(bundle, 'go'), '');
    expect(await making).toEqual(MADE);
    expect(inner).toEqual({ exitCode: 1, message: expect.stringContaining('it is inside the group of container') });
    await oci.done('delete', '--force', id);
  });

  test('in the group of a pod has the limits of its config: niwad turns the controllers on there', async ({
    oci,
    niwad: { place },
    skip,
  }) => {
    for (const name of ['cpu', 'memory', 'pids'] as const) needsController(skip, name);
    const pod = join(baseOf(place), 'pod');
    mkdirSync(pod);
    const id = oci.id();
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.linux.cgroupsPath = `/${place.cgroup}/pod/one`;
      config.linux.resources = {
        memory: { limit: 64 * 2 ** 20 },
        cpu: { quota: 20_000, period: 100_000, shares: 2, idle: 1 },
        pids: { limit: 9 },
      };
    });
    try {
      expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
      const limits = ['memory.max', 'cpu.max', 'cpu.idle', 'pids.max'].map((file) =>
        readFileSync(join(pod, 'one', file), 'utf8').trim(),
      );
      expect(limits).toEqual([String(64 * 2 ** 20), '20000 100000', '1', '9']);
      await oci.done('delete', '--force', id);
      expect([existsSync(pod), existsSync(join(pod, 'one'))]).toEqual([true, false]);
    } finally {
      await oci.run('delete', '--force', id);
      rmdirSync(pod);
    }
  });

  test('cannot be inside the group of another container', async ({ oci, niwad: { place } }) => {
    const id = await startIn(oci, place, 'pods/outer');
    const bundle = await oci.bundle('true', (config) => {
      config.linux.cgroupsPath = `/${place.cgroup}/pods/outer/inner`;
    });
    const made = await oci.make('run', '--bundle', bundle, oci.id());
    expect(made).toEqual({
      exitCode: 1,
      message: expect.stringContaining(`it is inside the group of container ${id}`),
    });
    await oci.done('delete', '--force', id);
  });

  test.each(['making-saved', 'group-limited', 'made'])('leaves no group where niwad dies at %s', async (point) => {
    const place = newPlace();
    const oci = new Oci(await startDaemon(place, { NIWA_CRASH_AT: point }));
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.linux.cgroupsPath = `/${place.cgroup}/pods/half`;
    });
    expect((await oci.make('create', '--bundle', bundle, 'half')).exitCode).toBe(1);
    const next = await startDaemon(place);
    await vi.waitFor(async () => expect(await next.client.list()).toEqual([]), PATIENCE);
    expect(existsSync(join(baseOf(place), 'pods'))).toBe(false);
  });
});

test('rules for devices hold in their order, for each kind of access', async ({ oci }) => {
  // no driver has these numbers: what is allowed ends with another error than what is forbidden
  const nodes = [1, 2, 3].map((minor) => ({ path: `/dev/x${minor}`, type: 'c', major: 60, minor }));
  const script = 'for x in 1 2 3; do true </dev/x$x; true >/dev/x$x; true <>/dev/x$x; done 2>&1 | sed "s/.*: //"';
  const bundle = await oci.bundle(script, (config) => {
    config.linux.devices = nodes;
    config.linux.resources = {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 60, access: 'r' },
        { allow: true, type: 'c', major: 60, minor: 2, access: 'w' },
        { allow: false, type: 'c', minor: 3, access: 'r' },
      ],
    };
  });
  const [yes, no] = ['No such device or address', 'Operation not permitted'];
  const lines = (await oci.done('run', '--bundle', bundle, oci.id())).split('\n');
  expect(lines).toEqual([...[yes, no, no], ...[yes, yes, yes], ...[no, no, no]]);
});
