import { existsSync, readdirSync } from 'node:fs';
import { expect, vi } from 'vitest';
import { Booted } from './support/booted.js';
import { needsController, needsFile, PATIENCE, scaled } from './support/host.js';
import { makePlace, type Niwad, removePlace } from './support/niwad.js';
import { type BundleConfig, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base
  .extend('booted', { scope: 'file' }, async ({ settings }, { onCleanup }) => {
    const booted = await Booted.boot({ ...settings, oci: { annotations: ['property'] } });
    onCleanup(() => booted.end());
    return booted;
  })
  .extend('inside', { scope: 'file' }, async ({ booted }, { onCleanup }) => {
    const [niwad] = await booted.start();
    onCleanup(() => niwad.client.close());
    return niwad;
  });

test.beforeEach(({ skip }) => void needsFile(skip, '/lib/systemd/systemd', 'the package systemd is not installed'));

const inSlice = (name: string) => (config: BundleConfig) => {
  config.linux.cgroupsPath = `niwa-a.slice:engine:${name}`;
};
const found = async ({ client }: Niwad, name: string) => (await client.list()).find(({ oci }) => oci?.id === name);
const scopeOf = (name: string) => `niwa.slice/niwa-a.slice/engine-${name}.scope`;

test('a container has its group in a scope of systemd, which ends with it', { tags: 'vm' }, async ({
  booted,
  inside: niwad,
}) => {
  const bundle = await booted.bundle('exec sleep 1000', inSlice('one'));
  expect(await booted.oci('run', '--detach', '--bundle', bundle, 'one')).toBe('');
  const one = await found(niwad, 'one');
  expect(one).toMatchObject({ state: 'running', oci: { id: 'one' } });
  expect(booted.file(`${scopeOf('one')}/container/cgroup.procs`)).toMatch(/^\d+$/);
  const expected = {
    ActiveState: 'active',
    Description: `niwa container ${one?.id}`,
    Slice: 'niwa-a.slice',
    Delegate: 'yes',
    TasksMax: 'infinity',
    CollectMode: 'inactive-or-failed',
  };
  expect(await booted.systemd.show('engine-one.scope', ...Object.keys(expected))).toEqual(expected);
  expect(await booted.systemd.run('systemctl', 'daemon-reload')).toBe('');
  expect(await booted.oci('exec', 'one', 'echo', 'hello')).toBe('hello');

  // its last use is known before systemd removes its group
  expect(await booted.oci('kill', 'one', 'KILL')).toBe('');
  await booted.gone(scopeOf('one'));
  expect((await niwad.client.inspect(one?.id ?? '')).state).toBe('exited');
  expect(niwad.ledger(one?.id).find(({ type }) => type === 'final')?.usage?.cpu.usage_usec).toBeGreaterThan(0);
  expect(await booted.oci('delete', 'one')).toBe('');
});

test('a name that systemd has already is refused in its words, and what has it goes on', async ({ booted, inside }) => {
  const bundle = await booted.bundle('exec sleep 1000', inSlice('two'));
  expect(await booted.oci('run', '--detach', '--bundle', bundle, 'two')).toBe('');
  expect(await booted.oci('create', '--bundle', bundle, 'other')).toContain('engine-two.scope was already loaded');
  expect((await found(inside, 'two'))?.state).toBe('running');
  expect(booted.file(`${scopeOf('two')}/container/cgroup.procs`)).toMatch(/^\d+$/);
  expect(await booted.oci('delete', '--force', 'two')).toBe('');
});

test('a name is free as soon as its container is deleted', async ({ booted, inside }) => {
  const bundle = await booted.bundle('exec sleep 1000', inSlice('seven'));
  for (let i = 0; i < 3; i++) {
    expect(await booted.oci('run', '--detach', '--bundle', bundle, 'seven')).toBe('');
    expect(await booted.oci('delete', '--force', 'seven')).toBe('');
  }
  expect(await found(inside, 'seven')).toBeUndefined();
});

test('a stop of the scope ends the container, and its use is in the ledger', async ({ booted, inside }) => {
  const bundle = await booted.bundle('trap "exit 3" TERM; while :; do sleep 0.1; done', inSlice('four'));
  expect(await booted.oci('run', '--detach', '--bundle', bundle, 'four')).toBe('');
  const one = await found(inside, 'four');
  expect(await booted.systemd.run('systemctl', 'stop', 'engine-four.scope')).toBe('');
  expect(existsSync(booted.group(scopeOf('four')))).toBe(false);
  expect((await inside.client.inspect(one?.id ?? '')).exit).toMatchObject({ code: 3 });
  expect(inside.ledger(one?.id).at(-1)).toMatchObject({ type: 'final', usage: { cpu: expect.anything() } });
  expect(await booted.oci('delete', 'four')).toBe('');
});

test('a create that fails leaves no scope', async ({ booted, inside }) => {
  const bundle = await booted.bundle('', (config) => {
    config.process.args = ['/no/such'];
  });
  expect(await booted.oci('create', '--bundle', bundle, 'six')).toContain('/no/such');
  await booted.gone('system.slice/niwa-oci-six.scope');
  expect(await found(inside, 'six')).toBeUndefined();
});

test('a niwad that dies loses neither a container in a scope nor its use, and leaves no scope behind', {
  timeout: scaled(120_000),
}, async ({ booted: { systemd }, settings, onTestFinished }) => {
  const place = makePlace(settings);
  onTestFinished(() => removePlace(place));
  const booted = new Booted(systemd, place);
  const bundle = await booted.bundle('exec sleep 1000', inSlice('five'));
  const [dying] = await booted.start({ NIWA_CRASH_AT: 'made' });
  expect(await booted.oci('run', '--detach', '--bundle', bundle, 'five')).not.toBe('');
  await dying.ended();
  const [second, kill] = await booted.start();
  await booted.gone(scopeOf('five'));

  expect(await booted.oci('run', '--detach', '--bundle', bundle, 'five')).toBe('');
  const one = await found(second, 'five');
  await kill('KILL');
  process.kill(Number(booted.file(`${scopeOf('five')}/container/cgroup.procs`)), 'SIGKILL');
  const [third, stop] = await booted.start();
  await booted.gone(scopeOf('five'));
  expect((await third.client.inspect(one?.id ?? '')).state).toBe('exited');
  const final = third.ledger(one?.id).find(({ type }) => type === 'final');
  expect(final?.usage?.cpu.usage_usec).toBeGreaterThan(0);
  expect(await booted.oci('delete', 'five')).toBe('');
  await stop('TERM');
});

test('annotations set properties of the scope; one that niwad or systemd refuses leaves nothing', async ({
  booted,
  inside,
}) => {
  const annotated = (name: string, properties: Record<string, string>) =>
    booted.bundle('exec sleep 1000', (config) => {
      inSlice(name)(config);
      config.annotations = Object.fromEntries(
        Object.entries(properties).map(([property, value]) => [`org.systemd.property.${property}`, value]),
      );
    });
  const good = await annotated('eight', { TimeoutStopSec: '5', MemoryMax: 'uint64 104857600', Description: "'eight'" });
  expect(await booted.oci('run', '--detach', '--bundle', good, 'eight')).toBe('');
  const expected = { TimeoutStopUSec: '5s', MemoryMax: '104857600', Description: 'eight' };
  expect(await booted.systemd.show('engine-eight.scope', ...Object.keys(expected))).toEqual(expected);
  expect(await booted.oci('delete', '--force', 'eight')).toBe('');

  const byNiwad = await annotated('nine', { Slice: "'system.slice'" });
  expect(await booted.oci('create', '--bundle', byNiwad, 'nine')).toContain('niwad sets this property itself');
  const bySystemd = await annotated('nine', { NoSuch: 'true' });
  expect(await booted.oci('create', '--bundle', bySystemd, 'nine')).toMatch(
    /systemd did not make engine-nine\.scope: Cannot set property NoSuch/,
  );
  await booted.gone(scopeOf('nine'));
  expect(await found(inside, 'nine')).toBeUndefined();
  expect(await booted.systemd.run('sh', '-c', 'ps -eo args | grep -c "[n]iwa-reach hold"')).toBe('0');
});

test('a systemd that has executed itself anew is asked again', async ({ booted, inside }) => {
  const bundle = await booted.bundle('exec sleep 1000', inSlice('ten'));
  for (let i = 0; i < 2; i++) {
    expect(await booted.oci('run', '--detach', '--bundle', bundle, 'ten')).toBe('');
    expect(await booted.oci('delete', '--force', 'ten')).toBe('');
    expect(await booted.systemd.run('systemctl', 'daemon-reexec')).toBe('');
    const isActive = () => booted.systemd.run('systemctl', 'is-active', 'empty.target');
    await vi.waitFor(async () => expect(await isActive()).toBe('active'), PATIENCE);
  }
  expect(await found(inside, 'ten')).toBeUndefined();
});

test('limits are properties of the scope, and those of the container in it; an update changes both', {
  tags: 'vm',
}, async ({ booted, inside: _, skip }) => {
  needsController(skip, 'memory');
  const bundle = await booted.bundle('exec sleep 1000', (config) => {
    config.linux.resources = {
      memory: { limit: 2 ** 26, reservation: 2 ** 25, swap: 2 ** 27 },
      cpu: { shares: 2048, quota: 50_000, period: 100_000, cpus: '0' },
      pids: { limit: 20 },
    };
  });
  expect(await booted.oci('run', '--detach', '--bundle', bundle, 'three')).toBe('');
  const group = 'system.slice/niwa-oci-three.scope';
  const first = {
    ...{ MemoryMax: `${2 ** 26}`, MemoryLow: `${2 ** 25}`, MemorySwapMax: `${2 ** 26}`, CPUWeight: '79' },
    ...{ CPUQuotaPerSecUSec: '500ms', CPUQuotaPeriodUSec: '100ms', AllowedCPUs: '0', TasksMax: '21' },
  };
  const shown = () => booted.systemd.show('niwa-oci-three.scope', ...Object.keys(first));
  const files = () =>
    ['memory.max', 'memory.low', 'cpu.max', 'cpu.weight', 'pids.max'].map((file) =>
      [group, `${group}/container`].map((place) => booted.file(`${place}/${file}`)),
    );
  expect(await shown()).toEqual(first);
  const both = (value: string) => [value, value];
  expect(files()).toEqual([
    both(`${2 ** 26}`),
    both(`${2 ** 25}`),
    both('50000 100000'),
    both('79'),
    ['21', '20'], // the sleeping process is in the scope
  ]);
  const changes = ['--cpu-share', '512', '--cpu-quota', '33333', '--memory', '128m', '--pids-limit', '30'];
  expect(await booted.oci('update', ...changes, 'three')).toBe('');
  expect(await booted.systemd.run('systemctl', 'daemon-reload')).toBe('');
  const second = { ...first, MemoryMax: `${2 ** 27}`, CPUWeight: '20', CPUQuotaPerSecUSec: '340ms', TasksMax: '31' };
  expect(await shown()).toEqual(second);
  expect(files()).toEqual([
    both(`${2 ** 27}`),
    both(`${2 ** 25}`),
    ['34000 100000', '33333 100000'], // systemd keeps hundredths of a processor
    both('20'),
    ['31', '30'],
  ]);
  expect(await booted.oci('delete', '--force', 'three')).toBe('');
});

test('limits are there when the program begins: it reads them from its group and from the scope', {
  tags: 'vm',
}, async ({ booted, inside: _, skip }) => {
  needsController(skip, 'memory');
  const script = `cd /sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)
    for group in . ..; do cat $group/memory.max $group/cpu.max $group/pids.max; done`;
  const bundle = await booted.bundle(script, ({ linux }) => {
    // without a cgroup namespace it sees the scope
    linux.namespaces = (linux.namespaces as { type: string }[]).filter(({ type }) => type !== 'cgroup');
    linux.resources = { memory: { limit: 2 ** 26 }, cpu: { quota: 50_000, period: 100_000 }, pids: { limit: 20 } };
  });
  const lines = (await booted.oci('run', '--bundle', bundle, 'eleven')).split('\n');
  expect(lines).toEqual([...[`${2 ** 26}`, '50000 100000', '20'], ...[`${2 ** 26}`, '50000 100000', '21']]);
});

test('without systemd a scope is refused with the reason', async ({ niwad, skip }) => {
  skip(existsSync('/run/systemd/system'), 'this host was booted by systemd');
  const oci = new Oci(niwad);
  const bundle = await oci.bundle('true');
  const { message } = await oci.make('--systemd-cgroup', 'create', '--bundle', bundle, oci.id());
  expect(message).toContain('systemd does not run here as PID 1');
  expect(readdirSync(niwad.containers)).not.toContain('container');
});
