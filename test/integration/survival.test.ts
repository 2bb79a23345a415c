import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { NiwaError } from '../../src/client/index.js';
import { CRASH_POINTS } from '../../src/test-hooks/crash-point.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { inShort, toldSoFar } from './support/events.js';
import { MAX_LATENESS_MS, PATIENCE, scaled } from './support/host.js';
import { isAlive, keeperOf, mountsOf, type Niwad, type Place } from './support/niwad.js';

const sleeper = { args: ['sleep', '1000'] };
const shell = (script: string) => ({ args: ['sh', '-c', script] });
const seconds = (milliseconds: number) => scaled(milliseconds) / 1000;

cleanUpDaemons();

const failure = (start: Promise<unknown>) =>
  start.then(
    () => expect.unreachable('it started'),
    (reason: NiwaError) => reason,
  );

/** What a daemon without containers leaves in its run directory and its group. */
function expectNothingLeft(niwad: Niwad): void {
  const { runDir } = niwad.place;
  expect(readdirSync(join(runDir, 'containers'))).toEqual([]);
  expect(existsSync(niwad.containers)).toBe(false);
  expect(existsSync(join(runDir, 'keeper.sock'))).toBe(false);
}

describe.each(['SIGTERM', 'SIGKILL', 'SIGSEGV'] as const)('after %s', (signal) => {
  const tags = signal === 'SIGKILL' ? 'vm' : [];
  test('containers go on, and the next daemon has them as they were', { tags }, async () => {
    const place = newPlace();
    const mounts = mountsOf(place);
    const first = await startDaemon(place);
    await first.client.create({ id: 'created', process: shell('exit 4'), owner: 'alice', labels: { app: 'x' } });
    await first.start({ id: 'running', process: shell('sleep 1000; exit 1'), lifetime: '1h' });
    await first.start({ id: 'paused', process: sleeper });
    await first.client.pause('paused');
    await first.run({ id: 'exited', process: shell('exit 5') });
    const before = await first.client.list();
    const pids = ['created', 'running', 'paused'].flatMap((id) => first.pidsOf(id));
    const keeper = keeperOf(place);

    expect(await first.stop(signal)).toBe(signal === 'SIGTERM' ? 0 : signal);
    expect(pids.filter(isAlive)).toEqual(pids);
    const second = await startDaemon(place);
    const known = ({ id, state, pid, created_at, started_at, exit, userns, spec }: (typeof before)[number]) => ({
      id,
      state,
      pid,
      created_at,
      started_at,
      exit,
      userns,
      spec,
    }); // prettier-ignore
    expect((await second.client.list()).map(known)).toEqual(before.map(known));
    const deadline = ({ id, deadline_at }: (typeof before)[number]) =>
      id === 'running' && Date.parse(deadline_at ?? '');
    const [was, is] = [before, await second.client.list()].map((list) => list.map(deadline).find(Boolean) || 0);
    expect(Math.abs((is ?? 0) - (was ?? 0))).toBeLessThanOrEqual(3);
    expect(keeperOf(place)).toBe(keeper);

    await second.client.start('created');
    expect(await second.client.wait('created')).toMatchObject({ code: 4, reason: 'exited' });
    await second.client.resume('paused');
    expect(await second.client.stop('paused')).toMatchObject({ state: 'exited', exit: { reason: 'stopped' } });
    await second.client.kill('running', 'SIGKILL');
    expect(await second.client.wait('running')).toMatchObject({ signal: 'SIGKILL', reason: 'killed' });
    expect(second.ledger().filter(({ type }) => type === 'final')).toHaveLength(4);
    await expect(second.start({ id: 'exited', process: sleeper })).rejects.toMatchObject({ code: 'ID_IN_USE' });

    for (const { id } of before) await second.client.remove(id);
    expect(await second.stop()).toBe(0);
    expectNothingLeft(second);
    await vi.waitFor(() => expect(keeperOf(place)).toBeUndefined(), PATIENCE);
    expect(mountsOf(place)).toEqual(mounts);
  });
});

test('a container that an earlier daemon has made fails at the same step of the same plan', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const spec = { process: { args: ['no-such-program'] } };
  for (const id of ['before', 'after']) await first.client.create({ ...spec, id });
  const before = await failure(first.client.start('before'));
  expect(before).toMatchObject({ code: 'START_FAILED', details: { step: { operation: 'exec', errno: 'ENOENT' } } });
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  expect((await failure(second.client.start('after'))).details).toEqual(before.details);
});

// Before Linux 6.15 the status comes from the process connector, a moment after the pidfd has told the end.
test('the status of every end is known to a daemon that is not the parent', { tags: 'vm' }, async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const codes = Array.from({ length: 20 }, (_, index) => index + 1);
  for (const code of codes) await first.client.create({ id: `c${code}`, process: shell(`exit ${code}`) });
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  const endOf = async (code: number) => {
    await second.client.start(`c${code}`);
    return (await second.client.wait(`c${code}`)).code;
  };
  expect(await Promise.all(codes.map(endOf))).toEqual(codes);
});

describe('while there is no daemon', () => {
  test('ends are remembered with their status, their time and their exact use', { tags: 'vm' }, async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const wait = seconds(800);
    await first.start({
      id: 'code',
      process: shell(`sleep ${wait}; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 7`),
    });
    await first.start({ id: 'signal', process: shell(`sleep ${wait}; kill -SEGV $$`), init: true });
    await first.start({ id: 'crowd', process: shell(`setsid sleep 1000 & sleep ${wait}; exit 3`) });
    const groups = ['code', 'signal', 'crowd'].map((id) => first.groupOf(id));
    await first.stop('SIGKILL');
    await vi.waitFor(() => {
      for (const group of groups) expect(readFileSync(join(group, 'cgroup.events'), 'utf8')).toContain('populated 0');
    }, PATIENCE);
    const ended = Date.now();
    const counted = Number(/usage_usec (\d+)/.exec(readFileSync(join(groups[0] ?? '', 'cpu.stat'), 'utf8'))?.[1]);
    await sleep(scaled(300));

    const second = await startDaemon(place);
    const exits = await Promise.all(['code', 'signal', 'crowd'].map((id) => second.client.wait(id)));
    expect(exits).toMatchObject([{ code: 7 }, { code: 139 }, { code: 3 }]);
    for (const { at, reason } of exits) {
      expect(reason).toBe('exited');
      expect(Date.parse(at)).toBeLessThanOrEqual(ended);
    }
    expect(second.ledger('code')).toMatchObject([{ type: 'final', code: 7, usage: { cpu: { usage_usec: counted } } }]);
    expect(groups.filter(existsSync)).toEqual([]);
  });

  test('lifetimes end in time, by the stop signal and by the kill', { tags: 'vm' }, async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    await first.start({ id: 'killed', process: sleeper });
    await first.start({ id: 'frozen', process: sleeper });
    await first.client.pause('frozen');
    const trap = 'trap "exit 6" TERM; while :; do sleep 0.02; done';
    await first.start({ id: 'heard', process: shell(trap) });
    const deaf = 'trap "" TERM; while :; do sleep 0.02; done';
    await first.start({ id: 'deaf', process: shell(deaf), stopTimeout: seconds(300) });
    const ids = ['killed', 'frozen', 'heard', 'deaf'];
    const groups = ids.map((id) => first.groupOf(id));
    // at last, since the kill has to come before, also on a busy machine
    const started = await Promise.all(ids.map((id) => first.client.setLifetime(id, { remaining: seconds(1000) })));
    await first.stop('SIGKILL');
    expect(started.every(({ deadline_at }) => Date.parse(deadline_at ?? '') > Date.now())).toBe(true);
    await vi.waitFor(() => {
      for (const group of groups) expect(readFileSync(join(group, 'cgroup.events'), 'utf8')).toContain('populated 0');
    }, PATIENCE);

    const second = await startDaemon(place);
    const exits = await Promise.all(ids.map((id) => second.client.wait(id)));
    expect(exits).toMatchObject([{ signal: 'SIGKILL' }, { signal: 'SIGKILL' }, { code: 6 }, { signal: 'SIGKILL' }]);
    for (const [i, { at, reason }] of exits.entries()) {
      const { deadline_at } = started.find(({ id }) => id === ids[i]) ?? {};
      const grace = ids[i] === 'deaf' ? scaled(300) : 0;
      const lateness = Date.parse(at) - Date.parse(deadline_at ?? '') - grace;
      console.log(`${ids[i]}: ended ${lateness} ms after its deadline, without a daemon`);
      expect(reason).toBe('lifetime');
      expect(lateness).toBeGreaterThanOrEqual(-3);
      expect(lateness).toBeLessThan(MAX_LATENESS_MS);
    }
  });

  test('a stop that was under way goes on', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const deaf = 'trap "" TERM; echo ready; while :; do sleep 0.02; done';
    await first.start({ id: 'deaf', process: shell(deaf), stopTimeout: seconds(900) });
    await first.says('deaf', 'ready');
    const stop = first.client.stop('deaf').catch(() => {});
    await vi.waitFor(async () => expect((await first.client.inspect('deaf')).state).toBe('stopping'), PATIENCE);
    await first.stop('SIGKILL');
    await stop;
    const second = await startDaemon(place);
    expect(await second.client.wait('deaf')).toMatchObject({ signal: 'SIGKILL', reason: 'stopped' });
  });

  test('without a keeper either, the next daemon ends what is overdue and says what it does not know', {
    tags: 'vm',
  }, async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    await first.start({ id: 'overdue', process: sleeper, lifetime: seconds(400) });
    await first.start({ id: 'ended', process: shell(`sleep ${seconds(200)}; exit 7`) });
    await first.start({ id: 'goes-on', process: sleeper, lifetime: '1h' });
    const { pid } = await first.client.create({ id: 'waiting', process: sleeper });
    process.kill(keeperOf(place) ?? 0, 'SIGKILL');
    await first.stop('SIGKILL');
    await sleep(scaled(700));
    expect(isAlive(pid ?? 0)).toBe(false); // nobody holds its control socket any more

    const second = await startDaemon(place);
    expect(await second.client.wait('overdue')).toMatchObject({ reason: 'lifetime' });
    const ended = await second.client.wait('ended'); // a host whose init is slow to reap can still tell
    expect([ended.code, ended.reason]).toEqual(ended.code === 7 ? [7, 'exited'] : [null, 'unknown']);
    expect(await second.client.wait('waiting')).toMatchObject({ reason: 'start-failed' });
    expect(await second.client.inspect('goes-on')).toMatchObject({ state: 'running', deadline_at: expect.any(String) });
  });
});

test('a container that is to be forgotten at its end is, whichever daemon hears of the end', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const start = (id: string, script: string) =>
    first.start({ id, autoRemove: true, process: { args: ['sh', '-c', script] } });
  await start('ends-meanwhile', 'sleep 0.3; exit 5');
  await start('goes-on', 'sleep 1000');
  await first.stop('SIGKILL');
  await sleep(scaled(600));
  const second = await startDaemon(place);
  const listed = async () => (await second.client.list()).map(({ id }) => id);
  await vi.waitFor(async () => expect(await listed()).toEqual(['goes-on']), PATIENCE);
  await second.client.stop('goes-on', { timeout: 0 });
  await vi.waitFor(async () => expect(await listed()).toEqual([]), PATIENCE);
  const finals = second.ledger().filter(({ type }) => type === 'final');
  expect(finals.map(({ id, code, signal }) => [id, code ?? signal])).toEqual([
    ['ends-meanwhile', 5],
    ['goes-on', 'SIGKILL'],
  ]);
});

test('a daemon that stands still is no reason to live longer', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const { deadline_at } = await niwad.start({ id: 'ends', process: sleeper, lifetime: seconds(800) });
  const group = niwad.groupOf('ends');
  process.kill(niwad.pid, 'SIGSTOP');
  await vi.waitFor(() => expect(readFileSync(join(group, 'cgroup.events'), 'utf8')).toContain('populated 0'), PATIENCE);
  const lateness = Date.now() - Date.parse(deadline_at ?? '');
  process.kill(niwad.pid, 'SIGCONT');
  expect(lateness).toBeLessThan(1000 + MAX_LATENESS_MS);
  expect(await niwad.client.wait('ends')).toMatchObject({ reason: 'lifetime' });
  expect(niwad.ledger('ends')).toHaveLength(1);
});

test('an id that is used again is another container, also for the keeper', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'again', process: sleeper, lifetime: seconds(500) });
  await first.client.remove('again', { force: true });
  const { pid } = await first.start({ id: 'again', process: sleeper, lifetime: '1h' });
  await first.stop('SIGKILL');
  await sleep(scaled(1000));
  const second = await startDaemon(place);
  expect(await second.client.inspect('again')).toMatchObject({ state: 'running', pid });
});

/** What one container that ran to its end left, whatever happened to its daemon. */
async function expectCountedOnce(niwad: Niwad, place: Place, acknowledged: boolean): Promise<void> {
  await vi.waitFor(async () => {
    const live = (await niwad.client.list()).filter(({ state }) => state !== 'exited');
    expect(live).toEqual([]);
  }, PATIENCE);
  const finals = niwad.ledger('once').filter(({ type }) => type === 'final');
  expect(finals).toHaveLength(1);
  expect(niwad.groups()).toEqual([]);
  const listed = await niwad.client.list();
  expect(readdirSync(join(place.runDir, 'containers'))).toEqual([]);
  if (acknowledged) expect(listed).toMatchObject([{ id: 'once', exit: { code: 3, reason: 'exited' } }]);
}

describe("a daemon that dies at any point of a container's life counts it exactly once", () => {
  const ACKNOWLEDGED = CRASH_POINTS.slice(CRASH_POINTS.indexOf('exit-heard'));
  const inVmToo = (point: string) => (point === 'exit-heard' ? 'vm' : []);
  for (const point of CRASH_POINTS)
    test(point, { tags: inVmToo(point) }, async () => {
      const place = newPlace();
      const first = await startDaemon(place, { NIWA_CRASH_AT: point });
      const spec = { id: 'once', process: shell('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3') };
      const group = first.groupOf('once');
      const early = !ACKNOWLEDGED.includes(point);
      const waits = point === 'connected' || point === 'created-saved'; // one that starts at once does not come there
      const asked = waits ? first.client.create(spec) : first.client.create(spec, { wait: true });
      await expect(asked).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
      expect(await first.ended()).toBe('SIGKILL');
      const counted = existsSync(group)
        ? Number(/usage_usec (\d+)/.exec(readFileSync(join(group, 'cpu.stat'), 'utf8'))?.[1])
        : null;

      const second = await startDaemon(place);
      if (point === 'created-saved') await second.client.start('once');
      await expectCountedOnce(second, place, !early);
      const [final] = second.ledger('once').filter(({ type }) => type === 'final');
      if (!early && counted !== null) expect(final?.usage?.cpu.usage_usec).toBe(counted);
      const ends = (await toldSoFar(second)).filter(({ type }) => type === 'exit');
      expect(inShort(ends)).toEqual(['exit once']);
      await second.stop('SIGKILL');
      const third = await startDaemon(place);
      await expectCountedOnce(third, place, !early);
    });
});

test('what belongs to no container is removed', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'kept', process: sleeper });
  await first.stop('SIGKILL');
  mkdirSync(join(place.runDir, 'containers', 'gone'));
  const orphan = join(first.containers, 'orphan');
  mkdirSync(orphan);
  mkdirSync(Buffer.concat([Buffer.from(`${orphan}/`), Buffer.from([0xff])])); // no UTF-8

  const second = await startDaemon(place);
  expect((await second.client.list()).map(({ id }) => id)).toEqual(['kept']);
  expect(second.groups()).toEqual(['kept']);
  expect(readdirSync(join(place.runDir, 'containers'))).toEqual(['kept']);
  await second.run({ id: 'gone', process: { args: ['true'] } });
  expect((await second.client.inspect('kept')).state).toBe('running');
});
