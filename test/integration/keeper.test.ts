import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { MAX_LATENESS_MS, needsFile, PATIENCE, scaled } from './support/host.js';
import { flagsOf, isAlive, keeperOf, keeperWatches, type Place } from './support/niwad.js';

/** What happens when the keeper dies or hangs. */

const sleeper = { args: ['sleep', '1000'] };
const seconds = (milliseconds: number) => scaled(milliseconds) / 1000;

cleanUpDaemons();

test('a keeper that dies is replaced, and the new one keeps', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const { pid } = await first.start({ id: 'kept', process: sleeper, lifetime: seconds(4000) });
  const keeper = keeperOf(place) ?? 0;
  process.kill(keeper, 'SIGKILL');
  await vi.waitFor(() => expect(keeperOf(place) ?? keeper).not.toBe(keeper), PATIENCE);
  await vi.waitFor(() => expect(keeperWatches(place, pid ?? 0)).toBe(true), PATIENCE);
  await first.stop('SIGKILL');
  await vi.waitFor(() => expect(isAlive(pid ?? 0)).toBe(false), PATIENCE);
});

test('a keeper that hangs is replaced by the next daemon', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'kept', process: sleeper });
  const keeper = keeperOf(place) ?? 0;
  process.kill(keeper, 'SIGSTOP');
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  expect(await second.client.inspect('kept')).toMatchObject({ state: 'running' });
  expect(isAlive(keeper)).toBe(false);
  expect(keeperOf(place)).toBeDefined();
});

test('a keeper that was held up has every container that niwad told it of before its death', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const keeper = keeperOf(place) ?? 0;
  process.kill(keeper, 'SIGSTOP');
  await sleep(1500); // niwad asks the keeper for an answer once a second, and waits three times
  await first.client.create({ id: 'late', process: { args: ['sh', '-c', 'exit 9'] } });
  await first.stop('SIGKILL');
  process.kill(keeper, 'SIGCONT');
  const second = await startDaemon(place);
  expect(await second.client.inspect('late')).toMatchObject({ state: 'created' });
  await second.client.start('late');
  expect(await second.client.wait('late')).toMatchObject({ code: 9 });
});

test('a keeper that hangs holds nobody up, and is replaced by one that knows all', async () => {
  const CHANGES = 2500;
  const place = newPlace();
  const niwad = await startDaemon(place);
  const { client } = niwad;
  await niwad.start({ id: 'changed', process: sleeper, lifetime: '1h' });
  const { pid } = await niwad.start({ id: 'kept', process: sleeper, lifetime: '1h' });
  const ends = [500, 1000, 1500, 2000, 3000, 4000];
  for (const after of ends) await niwad.start({ id: `ends-${after}`, process: sleeper, lifetime: seconds(after) });
  const keeper = keeperOf(place) ?? 0;
  process.kill(keeper, 'SIGSTOP');
  let slowest = 0;
  for (let i = 0; i < CHANGES; i++) {
    const before = Date.now();
    await client.setLifetime('changed', { lifetime: `${7200 + i}s` });
    slowest = Math.max(slowest, Date.now() - before);
  }
  console.log(`the slowest of ${CHANGES} changes with a keeper that hangs: ${slowest} ms`);
  expect(slowest).toBeLessThan(1000);
  for (const after of ends) {
    const { reason, at } = await client.wait(`ends-${after}`);
    const { deadline_at } = await client.inspect(`ends-${after}`);
    expect(reason).toBe('lifetime');
    expect(Date.parse(at) - Date.parse(deadline_at ?? '')).toBeLessThan(1000);
  }
  await vi.waitFor(() => expect([isAlive(keeper), keeperOf(place) ?? keeper]).not.toContain(keeper), PATIENCE);
  await vi.waitFor(() => expect(isAlive(keeper)).toBe(false), PATIENCE);
  await vi.waitFor(() => expect(keeperWatches(place, pid ?? 0)).toBe(true), PATIENCE);
  await client.setLifetime('kept', { remaining: seconds(1000) });
  await niwad.stop('SIGKILL');
  await vi.waitFor(() => expect(isAlive(pid ?? 0)).toBe(false), PATIENCE);
});

test.for([300, 800])(
  'what is overdue ends by its lifetime, also where the keeper acts %i ms earlier',
  async (ms, { skip }) => {
    const strace = needsFile(skip, '/usr/bin/strace', 'it holds up the one thread of niwad that takes over');
    const place = newPlace();
    const first = await startDaemon(place);
    const ids = ['overdue-1', 'overdue-2'];
    for (const id of ids) await first.start({ id, process: sleeper, lifetime: '400ms' });
    process.kill(keeperOf(place) ?? 0, 'SIGKILL');
    await first.stop('SIGKILL');
    await sleep(1000);
    const slowly = ['-D', '-o', '/dev/null', '-e', `inject=timerfd_settime:delay_enter=${ms * 1000}`];
    const second = await startDaemon(place, {}, flagsOf(place), [strace, '-e', 'trace=timerfd_settime', ...slowly]);
    const exits = await Promise.all(ids.map((id) => second.client.wait(id)));
    expect(exits).toMatchObject(ids.map(() => ({ signal: 'SIGKILL', reason: 'lifetime' })));
  },
);

test('what ends while a niwad takes over has ended at its own time, with its status', async ({ skip }) => {
  const strace = needsFile(skip, '/usr/bin/strace', 'it holds niwad up when it has connected to the keeper');
  const place = newPlace();
  const first = await startDaemon(place);
  const { pid } = await first.start({
    id: 'ends',
    process: { args: ['sh', '-c', 'trap "exit 5" TERM; sleep 1000 & wait'] },
  });
  await first.stop('SIGKILL');
  const slowly = ['-D', '-f', '-o', '/dev/null', '-e', 'inject=connect:delay_exit=2000000'];
  const starting = startDaemon(place, {}, flagsOf(place), [strace, '-e', 'trace=connect', ...slowly]);
  await vi.waitFor(() => expect(connectionsOf(place)).toBe(1), PATIENCE);
  process.kill(pid ?? 0, 'SIGTERM');
  await vi.waitFor(() => expect(isAlive(pid ?? 0)).toBe(false), PATIENCE);
  const gone = Date.now();
  const second = await starting;
  const { at, code } = await second.client.wait('ends');
  expect(code).toBe(5);
  expect(Date.parse(at) - gone).toBeLessThan(MAX_LATENESS_MS);
});

test('what the next niwad has not taken yet ends at its own time, with its status', async ({ skip }) => {
  const strace = needsFile(skip, '/usr/bin/strace', 'it holds up the one thread of niwad that takes over');
  const TAKEN_MEANWHILE = 128; // while the first 64 are taken over, the next 64 are prepared
  const place = newPlace();
  const first = await startDaemon(place);
  const ids = Array.from({ length: TAKEN_MEANWHILE + 2 }, (_, i) => `many-${i}`);
  const trapping = { args: ['sh', '-c', 'trap "exit 5" TERM; sleep 1000 & wait'] };
  const started = await Promise.all(ids.map((id) => first.start({ id, process: trapping })));
  await first.stop('SIGKILL');
  const keeper = keeperOf(place) ?? 0;
  await vi.waitFor(() => expect(followedBy(keeper)).toHaveLength(ids.length), PATIENCE);
  const slowly = ['-D', '-o', '/dev/null', '-e', 'inject=epoll_ctl:delay_enter=20000'];
  const starting = startDaemon(place, {}, flagsOf(place), [strace, '-e', 'trace=epoll_ctl', ...slowly]);
  await vi.waitFor(() => expect(followedBy(keeper).length).toBeLessThanOrEqual(2), PATIENCE);
  const pids = followedBy(keeper);
  expect(pids).toHaveLength(2);
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  await vi.waitFor(() => expect(pids.some(isAlive)).toBe(false), PATIENCE);
  const gone = Date.now();
  const second = await starting;
  for (const { id } of started.filter(({ pid }) => pids.includes(pid ?? 0))) {
    const { at, code } = await second.client.wait(id);
    expect(code).toBe(5);
    expect(Date.parse(at) - gone).toBeLessThan(MAX_LATENESS_MS);
  }
});

/** The processes whose exits the keeper looks for: their pidfds are in its epoll set. */
function followedBy(keeper: number): number[] {
  const fdinfo = `/proc/${keeper}/fdinfo`;
  const infos = new Map(readdirSync(fdinfo).map((fd) => [fd, readFileSync(`${fdinfo}/${fd}`, 'utf8')]));
  const watched = [...infos.values()].flatMap((info) => [...info.matchAll(/^tfd:\s+(\d+)/gm)].map(([, fd]) => fd));
  return watched.flatMap(
    (fd) =>
      infos
        .get(fd ?? '')
        ?.match(/^Pid:\t(\d+)$/m)
        ?.slice(1)
        .map(Number) ?? [],
  );
}

/** How many connections to the keeper there are. */
function connectionsOf({ runDir }: Place): number {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return sockets.filter((line) => line.endsWith(`${runDir}/keeper.sock`)).length - 1; // it listens on one more
}
