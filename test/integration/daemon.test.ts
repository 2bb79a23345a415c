import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { needsNoKernel, scaled } from './support/host.js';
import { flagsOf, isAlive, makePlace, Niwad, type Place, removePlace, runNiwad } from './support/niwad.js';

const sleeper = { args: ['sleep', '1000'] };

/** Daemons and places of one test, ended and removed after it. */
const daemons: Niwad[] = [];
const places: Place[] = [];
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((niwad) => niwad.stop()));
  await Promise.all(places.splice(0).map(removePlace));
});

function newPlace(settings: object = {}): Place {
  const place = makePlace(settings);
  places.push(place);
  return place;
}

async function start(place: Place, env: Record<string, string> = {}): Promise<Niwad> {
  const niwad = await Niwad.start(place, env);
  daemons.push(niwad);
  return niwad;
}

test('SIGTERM ends every container and leaves nothing but its records', async () => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const place = newPlace();
  const niwad = await start(place);
  await niwad.client.create({ id: 'created', process: sleeper });
  await niwad.start({
    id: 'running',
    process: { args: ['sh', '-c', '(setsid sleep 1000 &); echo ready; sleep 1000'] },
  });
  await niwad.start({ id: 'paused', process: sleeper });
  await niwad.client.pause('paused');
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.02; done';
  await niwad.start({ id: 'stubborn', process: { args: ['sh', '-c', script] }, stopTimeout: '200ms' });
  for (const id of ['running', 'stubborn']) await niwad.says(id, 'ready');
  const pids = ['created', 'running', 'paused', 'stubborn'].flatMap((id) => niwad.pidsOf(id));

  expect(await niwad.stop()).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(isAlive(niwad.pid)).toBe(false);
  expect(existsSync(lookAtCgroupTree(place.cgroup).base)).toBe(false);
  expect(existsSync(niwad.socket)).toBe(false);
  expect(existsSync(join(place.runDir, 'stage'))).toBe(false);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts);
  const reasons = niwad.ledger().map(({ id, reason }) => `${id} ${reason}`);
  expect(reasons.sort()).toEqual(['created stopped', 'paused stopped', 'running stopped', 'stubborn stopped']);
});

test('what a killed daemon left is ended at the next start, and the ledger goes on', async () => {
  const place = newPlace();
  const first = await start(place);
  await first.run({ id: 'before', process: { args: ['true'] } });
  const { pid } = await first.start({ id: 'left', process: sleeper });
  const group = first.groupOf('left');
  await first.stop('SIGKILL');
  expect(existsSync(group)).toBe(true);

  const second = await start(place);
  expect(existsSync(group)).toBe(false);
  await vi.waitFor(() => expect(isAlive(pid ?? 0)).toBe(false), scaled(2000));
  expect(await second.client.list()).toEqual([]);
  expect(second.log).toContain('"leftovers":["left"]');
  await second.run({ id: 'left', process: { args: ['true'] } });
  expect(second.ledger('before')).toHaveLength(1);
  expect(second.ledger('left').at(-1)).toMatchObject({ reason: 'exited' });
});

test('two daemons run side by side, one set up by its environment', async () => {
  const [one, other] = [newPlace(), newPlace()];
  const niwad = await start(one);
  const env = {
    NIWA_RUN_DIR: other.runDir,
    NIWA_STATE_DIR: other.stateDir,
    NIWA_CGROUP: other.cgroup,
    NIWA_CONFIG: other.config,
    NIWA_LOG_LEVEL: 'info',
  };
  const second = await Niwad.start(other, env, []);
  daemons.push(second);
  for (const daemon of [niwad, second]) await daemon.start({ id: 'same', process: sleeper });
  await niwad.client.remove('same', { force: true });
  expect(await niwad.client.list()).toEqual([]);
  expect((await second.client.inspect('same')).state).toBe('running');
  expect(await niwad.stop()).toBe(0);
  expect((await second.client.inspect('same')).state).toBe('running');
});

test('a second daemon in the same place is refused, and the first goes on', async ({ skip }) => {
  needsNoKernel(skip);
  const place = newPlace();
  const niwad = await start(place);
  const { pid } = await niwad.start({ id: 'kept', process: sleeper });
  const others = [
    { ...newPlace(), runDir: place.runDir },
    { ...newPlace(), stateDir: place.stateDir },
    { ...newPlace(), cgroup: place.cgroup },
  ];
  const refused = await Promise.all(others.map((other) => runNiwad(flagsOf(other))));
  const shared = [place.runDir, place.stateDir, `cgroup ${place.cgroup}`];
  for (const [i, { exitCode, stdout }] of refused.entries()) {
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`another niwad uses ${shared[i]}`);
  }
  expect(await niwad.client.inspect('kept')).toMatchObject({ state: 'running', pid });
});

test('a wrong configuration is refused with the field and what is allowed', async ({ skip }) => {
  needsNoKernel(skip);
  const place = newPlace();
  const wrong: [text: string, words: string[]][] = [
    ['sampleIntervalMs: 5', ['sampleIntervalMs', 'found 5', 'from 100 to 60000']],
    ['grupp: wheel', ['grupp', 'does not know', 'group']],
    ['socket: [', ['no YAML']],
  ];
  const runs = wrong.map(async ([text], i) => {
    const config = join(place.directory, `wrong-${i}.yaml`);
    writeFileSync(config, text);
    return await runNiwad(flagsOf({ ...place, config }));
  });
  for (const [i, { exitCode, stderr }] of (await Promise.all(runs)).entries()) {
    expect(exitCode).toBe(2);
    for (const word of wrong[i]?.[1] ?? []) expect(stderr).toContain(word);
  }
  expect(existsSync(place.runDir)).toBe(false);

  const missing = await runNiwad(flagsOf({ ...place, config: '/no/such/file' }));
  expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('/no/such/file')]);
});

test('wrong flags and a group that is not there are refused', async ({ skip }) => {
  needsNoKernel(skip);
  const place = newPlace();
  const group = newPlace({ group: 'no-such-group' });
  const [flag, cgroup, named] = await Promise.all([
    runNiwad([...flagsOf(place), '--frobnicate']),
    runNiwad(flagsOf({ ...place, cgroup: '../escape' })),
    runNiwad(flagsOf(group)),
  ]);
  expect([flag.exitCode, flag.stderr]).toEqual([2, expect.stringContaining('frobnicate')]);
  expect([cgroup.exitCode, cgroup.stderr]).toEqual([2, expect.stringContaining('cgroup: found "../escape"')]);
  expect([named.exitCode, named.stdout]).toEqual([1, expect.stringContaining('no-such-group')]);
  expect(existsSync(lookAtCgroupTree(group.cgroup).base)).toBe(false);
});

test('its configuration file is followed: exited containers are forgotten, records are not', async ({ skip }) => {
  needsNoKernel(skip);
  const place = newPlace();
  writeFileSync(place.config, `keepExited: 2\nsocket: ${join(place.runDir, 'niwad.sock')}\n`);
  const niwad = await start(place);
  for (const id of ['a', 'b', 'c']) await niwad.client.create({ id, process: { args: ['true'] } }, { wait: true });
  await vi.waitFor(async () => expect((await niwad.client.list()).map(({ id }) => id)).toEqual(['b', 'c']));
  expect(niwad.ledger().map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});
