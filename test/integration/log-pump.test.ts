import { spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa, execaSync } from 'execa';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { kernel } from '../../src/kernel/addon.js';
import type { KernelEvent } from '../../src/kernel/kernel.js';
import type { LogRequest } from '../../src/kernel/logs.js';
import { ContainerLog, type LogRange } from '../../src/logs/log.js';
import { SLOWNESS } from './support/host.js';

/** The addon in this very process, and writers that hold both ends of their FIFOs open, as containers do. */

const PUMP = fileURLToPath(new URL('support/log-pump.mjs', import.meta.url));
const BUILD = process.env.NIWA_NATIVE_DIR ?? fileURLToPath(new URL('../../build/Release', import.meta.url));
const NOBODY_LEAVES = new AbortController().signal;

const base = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-test-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const heard: KernelEvent[] = [];
kernel.watch((event) => heard.push(event));

let handle = 0;
let request: LogRequest;
beforeEach(() => {
  heard.length = 0;
  const [stdout = '', stderr = '', directory = ''] = ['stdout', 'stderr', 'log'].map((name) =>
    join(base, String(handle + 1), name),
  );
  handle++;
  mkdirSync(join(base, String(handle)));
  execaSync('mkfifo', [stdout, stderr]);
  request = { stdout, stderr, directory, bounds: { maxBytes: 2 ** 40, maxFiles: 4, bytesPerSecond: 0 } };
});

/** Runs a line of shell whose standard streams are the FIFOs, at most until the end of the test. */
async function write(script: string): Promise<void> {
  const line = `exec 1<>"${request.stdout}" 2<>"${request.stderr}"; ${script}`;
  const writer = spawn('sh', ['-c', line], { detached: true, stdio: 'ignore' }); // in a process group of its own
  onTestFinished(() => {
    if (writer.exitCode === null) process.kill(-(writer.pid ?? 0), 'SIGKILL');
  });
  await once(writer, 'exit');
}

function logOf(): ContainerLog {
  const { directory } = request;
  return new ContainerLog(directory, () => kernel.logs.watch(handle));
}

async function hashOf(range: LogRange): Promise<string> {
  const hash = createHash('sha256');
  for await (const { data } of logOf().read(range, NOBODY_LEAVES)) hash.update(data);
  return hash.digest('hex');
}

async function hashOfSeq(last: number): Promise<string> {
  const { stdout } = await execa('sh', ['-c', `seq 1 ${last} | sha256sum`]);
  return stdout.slice(0, 64);
}

/**
 * The sizes of all files of the log; they may be rotated away meanwhile. The newest is looked at first: where the
 * oldest is still there after that, nothing had been written to the newest.
 */
function sizes(): number[] {
  if (!existsSync(request.directory)) return [];
  const names = readdirSync(request.directory).sort().reverse();
  return names
    .map((name) => join(request.directory, name))
    .map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}

/** Stores the rest of the output, as at the end of a container whose record is on disk. */
async function drain(): Promise<void> {
  kernel.records.confirm(handle);
  await kernel.containers.end(handle, [request.stdout, request.stderr]);
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

test('a pump that is killed at any moment loses nothing and doubles nothing', async () => {
  const kills = 50;
  Object.assign(request.bounds, { maxBytes: 2 ** 30, maxFiles: 1024 }); // a new segment for each MiB
  const lines = Math.round(15_000_000 / SLOWNESS);
  const writer = write(`seq 1 ${lines} & seq 1 ${lines} >&2; wait`);
  let ended = false;
  void writer.then(() => {
    ended = true;
  });
  const bytes: number[] = [];
  for (let i = 0; i < kills; i++) {
    const args = [PUMP, join(BUILD, 'niwa.node'), JSON.stringify(request)];
    const pump = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(pump, 'exit');
    await once(pump.stdout, 'data');
    await sleep(randomInt(6 * SLOWNESS));
    pump.kill('SIGKILL');
    expect(await exit).toEqual([null, 'SIGKILL']);
    bytes.push(sum(sizes()));
  }
  console.log(`stored at the first and the last of ${kills} kills: ${bytes[0]} and ${bytes.at(-1)} bytes`);
  expect(ended).toBe(false);
  expect(bytes.at(-1)).toBeGreaterThan(1_000_000 / SLOWNESS);

  kernel.logs.open(handle, request);
  await writer;
  await drain();
  const wanted = await hashOfSeq(lines);
  expect(await hashOf({ stream: 'stdout' })).toBe(wanted);
  expect(await hashOf({ stream: 'stderr' })).toBe(wanted);
});

test('a log never takes more than its share, and keeps what is newest', async () => {
  Object.assign(request.bounds, { maxBytes: 262_144, maxFiles: 4 });
  kernel.logs.open(handle, request);
  const writer = write('seq 1 2000000').then(() => 'ended');
  let most = 0;
  while ((await Promise.race([writer, sleep(1)])) !== 'ended') most = Math.max(most, sum(sizes()));
  await drain();
  expect(most).toBeLessThanOrEqual(262_144);
  expect(most).toBeGreaterThan(131_072);
  expect(sizes()).toHaveLength(8);
  let kept = '';
  for await (const { data } of logOf().read({}, NOBODY_LEAVES)) kept += data;
  expect(kept.length).toBeGreaterThan(131_072);
  const [, ...lines] = kept.trimEnd().split('\n');
  expect(lines.at(-1)).toBe('2000000');
  expect(lines).toEqual(Array.from(lines, (_, i) => String(2_000_000 - lines.length + 1 + i)));
});

test('the end is drained without the limit, and without what others still write', async () => {
  request.bounds = { ...request.bounds, bytesPerSecond: 4096 };
  kernel.logs.open(handle, request);
  void write('yes');
  await sleep(50);
  const begun = Date.now();
  await drain();
  expect(Date.now() - begun).toBeLessThan(1000 * SLOWNESS);
  await drain(); // it is closed
});

test('a log whose place is taken waits for it, and says so once', async () => {
  const place = join(base, 'taken');
  writeFileSync(place, '');
  request.directory = join(place, 'log');
  kernel.logs.open(handle, request);
  await write('echo kept');
  await sleep(2500);
  expect(heard).toEqual([{ type: 'log-error', handle, errno: 'ENOTDIR' }]);
  rmSync(place);
  kernel.logs.watch(handle);
  await expect.poll(() => heard.length, { timeout: 5000 }).toBe(3);
  expect(heard.slice(1)).toEqual([
    { type: 'log-error', handle, errno: null },
    { type: 'output', handle },
  ]);
  await drain();
  expect(await hashOf({})).toBe(createHash('sha256').update('kept\n').digest('hex'));
});

test('a log is made with the first output, and who followed it before has all of that', async () => {
  kernel.logs.open(handle, request);
  const log = logOf();
  const chunks = log.read({ follow: true, tail: 0 }, NOBODY_LEAVES);
  const first = chunks.next();
  await sleep(100);
  expect(existsSync(request.directory)).toBe(false);
  await write('echo first');
  await expect.poll(() => heard, { timeout: 5000 }).toEqual([{ type: 'output', handle }]);
  log.hear();
  expect((await first).value?.data.toString()).toBe('first\n');
  expect(statSync(request.directory).mode & 0o777).toBe(0o750);
  await drain();
  log.end();
  expect(await chunks.next()).toEqual({ done: true, value: undefined });
});

test('who follows a log without any output hears of its end', async () => {
  kernel.logs.open(handle, request);
  const log = logOf();
  const first = log.read({ follow: true }, NOBODY_LEAVES).next();
  await drain();
  log.end();
  expect(await first).toEqual({ done: true, value: undefined });
  const leaving = new AbortController();
  const left = logOf().read({ follow: true }, leaving.signal).next();
  leaving.abort();
  expect(await left).toEqual({ done: true, value: undefined });
});

test('a process may end while a container writes', async () => {
  Object.assign(request.bounds, { maxBytes: 2 ** 20 });
  void write('yes');
  for (let i = 0; i < 15; i++) {
    const { exitCode, stderr } = await execa(
      process.execPath,
      [PUMP, join(BUILD, 'niwa.node'), JSON.stringify(request), '50'],
      { reject: false },
    );
    expect([exitCode, stderr]).toEqual([0, '']);
  }
});

test('what is no FIFO is refused', () => {
  const open = (stdout: string) => () => kernel.logs.open(handle, { ...request, stdout });
  expect(open('/dev/null')).toThrow('EINVAL');
  expect(open('/no/such/fifo')).toThrow('ENOENT');
});
