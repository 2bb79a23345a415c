import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, test, vi } from 'vitest';
import { ADDON } from '../../src/kernel/programs.js';
import { cleanUpDaemons, mountTmpfs, newPlace, startDaemon } from './support/daemons.js';
import { eventsStored } from './support/events.js';
import { host, PATIENCE, SLOWNESS, scaled } from './support/host.js';
import { linesOf } from './support/journal.js';
import { flagsOf, keeperOf, type Niwad, runNiwad, ticksOf } from './support/niwad.js';
import { Oci } from './support/oci.js';
import { pidsGroupOf } from './support/pids.js';
import { makeRoot } from './support/roots.js';
import { collect } from './support/session.js';

/** What goes wrong around a daemon: each with a clear error, and nothing lost. */

const sleeper = { args: ['sleep', '1000'] };

cleanUpDaemons();

/** Takes all the room of a file system; gives what gives it back. */
function fill(directory: string): () => void {
  const path = join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(path, Buffer.alloc(bavail * bsize));
  return () => rmSync(path);
}

/** Takes all inodes of a file system but `left`; gives what gives them back. */
function fillInodes(directory: string, left = 0): () => void {
  const path = join(directory, 'inodes');
  mkdirSync(path);
  for (let i = statfsSync(directory).ffree; i > left; i--) writeFileSync(join(path, String(i)), '');
  return () => rmSync(path, { recursive: true });
}

function phaseOnDisk({ place }: Niwad, id: string): string | undefined {
  return linesOf(place, id)
    .map(({ state, change }) => String((change ?? state)?.phase))
    .at(-1);
}

function finals(niwad: Niwad, id: string) {
  return niwad.ledger(id).filter(({ type }) => type === 'final');
}

describe('a full disk', () => {
  test('under the run directory refuses new containers and keeps the old ones', async () => {
    const place = newPlace();
    mountTmpfs(place.runDir, 'size=1m,mode=755');
    const first = await startDaemon(place);
    const labels = { long: 'x'.repeat(4096) }; // more than the page that the journal has begun has room for
    await first.start({ id: 'kept', process: sleeper });
    const free = fill(place.runDir);
    await expect(first.start({ id: 'new', process: sleeper, labels })).rejects.toMatchObject({
      code: 'HOST_ERROR',
      message: expect.stringMatching(/state of container new: ENOSPC.*room/),
    });
    expect(first.groups()).not.toContain('new');
    await first.client.kill('kept', 'SIGKILL');
    expect(await first.client.wait('kept')).toMatchObject({ reason: 'killed' }); // though its state cannot be written
    await vi.waitFor(() => expect(first.log).toContain('the state of a container waits to be written'), PATIENCE);
    free();
    await vi.waitFor(() => expect(phaseOnDisk(first, 'kept')).toBe('exited'), PATIENCE);
    await first.start({ id: 'new', process: sleeper });
    await first.stop('SIGKILL');

    const second = await startDaemon(place);
    expect(await second.client.wait('kept')).toMatchObject({ reason: 'killed' });
    expect(finals(second, 'kept')).toHaveLength(1);
    expect((await second.client.inspect('new')).state).toBe('running');
  });

  test('under the ledger holds ends back, also over a restart, and loses and doubles no record', async () => {
    const place = newPlace();
    mountTmpfs(place.stateDir, 'size=1m,mode=750');
    const first = await startDaemon(place);
    await first.run({ id: 'before', process: { args: ['true'] } });
    const labels = { long: 'x'.repeat(4096) }; // a record that does not fit into the page that the ledger has begun
    await first.start({ id: 'ends', process: sleeper, labels });
    await eventsStored(first); // they take no room after this
    const free = fill(place.stateDir);
    await first.client.kill('ends', 'SIGKILL');
    expect(await first.client.wait('ends', { timeout: `${scaled(500)}ms` })).toBeNull();
    expect((await first.client.inspect('ends')).state).toBe('stopping');
    await expect(first.client.kill('ends', 'SIGTERM')).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(first.log).toMatch(/ENOSPC/);
    expect(first.log).toContain('the usage record waits to be written');
    await first.stop('SIGKILL');

    const second = await startDaemon(place);
    expect(await second.client.wait('ends', { timeout: `${scaled(500)}ms` })).toBeNull();
    free();
    expect(await second.client.wait('ends')).toMatchObject({ signal: 'SIGKILL', reason: 'killed' });
    expect(finals(second, 'ends')).toHaveLength(1);
    expect(finals(second, 'before')).toHaveLength(1);
  });
});

test('no inodes under the run directory are the fault of the host, at every step, and nothing is left', async ({
  skip,
}) => {
  const place = newPlace();
  mountTmpfs(place.runDir, 'size=1m,nr_inodes=200,mode=755');
  const niwad = await startDaemon(place);
  const root = makeRoot(skip, join(place.files, 'root'));
  const start = () => niwad.start({ id: 'new', root: { path: root }, process: { args: ['sh', '-c', 'exit 0'] } });
  const full = { code: 'HOST_ERROR', message: expect.stringMatching(/ENOSPC.*inodes/) };
  let free = fillInodes(place.runDir);
  await expect(niwad.client.drain()).rejects.toMatchObject(full);
  expect(await niwad.client.drainStatus()).toMatchObject({ draining: false });
  free();
  free = fillInodes(place.runDir, 2); // for its directory and its state
  await expect(start()).rejects.toMatchObject({ ...full, message: expect.stringMatching(/ENOSPC.*hosts.*inodes/) });
  expect(readdirSync(join(place.runDir, 'containers'))).toEqual([]);
  expect(niwad.groups()).toEqual([]);
  free();
  await start();
});

test.for(['runDir', 'stateDir'] as const)('a %s that cannot be written is refused', async (which) => {
  const place = newPlace();
  mountTmpfs(place[which], 'ro,mode=755');
  const { exitCode, stdout } = await runNiwad(flagsOf(place));
  expect(exitCode).toBe(1);
  expect(stdout).toContain(place[which]);
  expect(stdout).toMatch(/EROFS|read-only/);
});

test('no more processes and threads for niwad fail starts and execs, not the daemon', { tags: 'vm' }, async ({
  skip,
}) => {
  const niwad = await startDaemon(newPlace());
  const { client } = niwad;
  const group = pidsGroupOf(skip, niwad.pid);
  const failed = { code: 'START_FAILED', message: expect.stringMatching(/EAGAIN.*TasksMax/) };
  const exec = () => client.exec('old', { args: ['true'] });
  try {
    group.bound(true);
    await expect(niwad.start({ id: 'old', process: sleeper })).rejects.toMatchObject(failed);
    expect(niwad.groups()).toEqual([]);
    for (let i = 0; i < 10; i++) await expect(client.usage()).rejects.toMatchObject({ code: 'HOST_ERROR' });
    group.bound(false);
    expect(await client.usage()).toMatchObject({ since: null });
    await niwad.start({ id: 'old', process: sleeper });
    group.bound(true);
    if (group.version === 1) await expect(exec()).rejects.toMatchObject(failed);
    else expect((await collect(await exec())).exit).toMatchObject({ code: 0 }); // a process of the container's group
    group.bound(false);
    expect((await collect(await exec())).exit).toMatchObject({ code: 0 });
    await client.remove('old', { force: true });
  } finally {
    group.remove();
  }
});

test('threads that cannot be made are told when niwad starts', async ({ skip }) => {
  const script = `const native = require(${JSON.stringify(ADDON)});
    process.stdin.once('data', () => { console.log(native.watch(() => {})); process.exit(); });
    console.log('ready');`;
  const node = execa(process.execPath, ['-e', script], { reject: false });
  const group = pidsGroupOf(skip, node.pid ?? 0);
  try {
    if (node.stdout) await once(node.stdout, 'data'); // it is ready: all threads that Node.js itself makes are there
    group.bound(true);
    node.stdin?.end('now');
    expect((await node).stdout).toBe(`ready\n${constants.errno.EAGAIN}`);
  } finally {
    group.remove();
  }
});

test('too many open files refuse new containers, and the others end as they should', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const limit = (count: number) => execFileSync('prlimit', ['--pid', String(niwad.pid), `--nofile=${count}:`]);
  await niwad.start({ id: 'old', process: sleeper });
  await niwad.client.health();
  limit(readdirSync(`/proc/${niwad.pid}/fd`).length + 2);
  const error = await niwad.start({ id: 'new', process: sleeper }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ message: expect.stringMatching(/EMFILE|too many open files|open files/) });
  expect(niwad.groups()).toEqual(['old']);
  await niwad.client.kill('old', 'SIGKILL').catch(() => {});
  limit(4096);
  await niwad.client.kill('old', 'SIGKILL').catch(() => {});
  expect(await niwad.client.wait('old')).toMatchObject({ reason: 'killed' });
  expect(finals(niwad, 'old')).toHaveLength(1);
  await niwad.run({ id: 'new', process: { args: ['true'] } });
});

test('too many open files fail a hook and a new keeper, not the daemon', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const limit = (count: number) => execFileSync('prlimit', ['--pid', String(niwad.pid), `--nofile=${count}:`]);
  const hooks = { interval: [{ args: ['/bin/true'], every: '100ms' }] };
  await niwad.start({ id: 'ticks', process: sleeper, hooks });
  limit(readdirSync(`/proc/${niwad.pid}/fd`).length + 2);
  await vi.waitFor(() => expect(niwad.log).toContain('cannot run: EMFILE'), PATIENCE);
  limit(5);
  process.kill(keeperOf(place) ?? 0, 'SIGKILL');
  await vi.waitFor(() => expect(niwad.log).toMatch(/niwa-keeper: spawn .* EMFILE; .*LimitNOFILE/), PATIENCE);
  limit(4096);
  await vi.waitFor(() => expect(keeperOf(place)).toBeDefined(), PATIENCE);
  expect(await niwad.client.health()).toMatchObject({ status: 'ok' });
});

test('too many open files refuse commands of engines, and cost no processor time', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const limit = (count: number) => execFileSync('prlimit', ['--pid', String(niwad.pid), `--nofile=${count}:`]);
  const descriptors = () => readdirSync(`/proc/${niwad.pid}/fd`).map(Number);
  const most = Math.max(...descriptors()) + 1;
  limit(most);
  let refused = 0;
  const sockets = Array.from({ length: most }, () => connect(join(place.runDir, 'oci.sock')));
  try {
    for (const socket of sockets) socket.on('error', () => {}).on('close', () => refused++);
    await vi.waitFor(() => expect(descriptors()).toHaveLength(most), PATIENCE);
    const before = ticksOf(niwad.pid);
    await sleep(1000);
    expect(ticksOf(niwad.pid) - before).toBeLessThan(25 * SLOWNESS); // of 100 in a second
    expect(refused).toBeGreaterThan(0);
  } finally {
    for (const socket of sockets) socket.destroy();
    limit(4096);
  }
  expect((await new Oci(niwad).run('list')).exitCode).toBe(0);
});

test('too many open files at a deadline delay the end, and lose nothing of it', async () => {
  const niwad = await startDaemon(newPlace());
  const limit = (count: number) => execFileSync('prlimit', ['--pid', String(niwad.pid), `--nofile=${count}:`]);
  await niwad.start({ id: 'late', process: sleeper, lifetime: 0.5 });
  await niwad.start({ id: 'ends', process: { args: ['sleep', '0.5'] } });
  limit(10);
  await sleep(2000);
  limit(4096);
  expect(await niwad.client.wait('late')).toMatchObject({ reason: 'lifetime' });
  expect(await niwad.client.wait('ends')).toMatchObject({ code: 0 });
  expect(niwad.groups()).toEqual([]);
  expect([...finals(niwad, 'late'), ...finals(niwad, 'ends')]).toHaveLength(2);
});

test('a clock that jumps ends no lifetime and changes no bill', { tags: 'vm' }, async ({ skip }) => {
  skip(!host.inVm, 'sets the clock of the machine: only in the virtual one');
  const place = newPlace();
  const first = await startDaemon(place);
  const jump = (milliseconds: number) =>
    execFileSync('date', ['-s', `@${((Date.now() + milliseconds) / 1000).toFixed(3)}`]);
  const HOUR_MS = 3_600_000;
  await first.start({ id: 'long', process: sleeper, lifetime: '10m' });
  const before = process.hrtime.bigint();
  await first.start({ id: 'short', process: sleeper, lifetime: scaled(1500) / 1000 });
  try {
    jump(HOUR_MS);
    await first.client.wait('short');
    const took = Number(process.hrtime.bigint() - before) / 1e6;
    expect(took).toBeGreaterThanOrEqual(scaled(1500));
    expect(took).toBeLessThan(scaled(1500) + 3000);
    expect((await first.client.inspect('long')).state).toBe('running');
    const [short] = finals(first, 'short');
    expect(Math.abs((short?.duration_usec ?? 0) / 1000 - scaled(1500))).toBeLessThan(2000);
    jump(-3 * HOUR_MS);
    await first.client.kill('long', 'SIGKILL');
    await first.stop('SIGKILL');
    const second = await startDaemon(place);
    expect(await second.client.wait('long')).toMatchObject({ reason: 'killed' });
    expect(finals(second, 'long')).toHaveLength(1);
  } finally {
    jump(2 * HOUR_MS);
  }
});
