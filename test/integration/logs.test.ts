import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import type { LogChunk, LogsOptions } from '../../src/client/index.js';
import { cleanUpDaemons, mountTmpfs, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE, scaled } from './support/host.js';
import { raw } from './support/http.js';
import type { Niwad } from './support/niwad.js';
import { test } from './support/test.js';

cleanUpDaemons();

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
const shell = (script: string) => ({ args: ['sh', '-c', script] });

async function collect(niwad: Niwad, id: string, options: LogsOptions = {}): Promise<LogChunk[]> {
  const chunks: LogChunk[] = [];
  for await (const chunk of niwad.client.logs(id, options)) chunks.push(chunk);
  return chunks;
}

async function textOf(niwad: Niwad, id: string, options: LogsOptions = {}): Promise<string> {
  return Buffer.concat((await collect(niwad, id, options)).map(({ data }) => data)).toString();
}

test('both streams are kept as they were written, byte for byte', { tags: 'vm' }, async ({ niwad }) => {
  const script =
    'echo out; echo err >&2; printf "\\377\\000\\n"; head -c 300000 /dev/zero; printf unended; printf e >&2';
  await niwad.run({ id: 'bytes', process: shell(script) });
  const chunks = await collect(niwad, 'bytes');
  const of = (name: string) => Buffer.concat(chunks.filter(({ stream }) => stream === name).map(({ data }) => data));
  const wanted = Buffer.concat([
    Buffer.from('out\n\xff\x00\n', 'latin1'),
    Buffer.alloc(300_000),
    Buffer.from('unended'),
  ]);
  expect(of('stdout').equals(wanted)).toBe(true);
  expect(of('stderr').toString()).toBe('err\ne');
  expect(await textOf(niwad, 'bytes', { stream: 'stderr' })).toBe('err\ne');
});

test('10 MB are kept whole and in order', async ({ niwad }) => {
  await niwad.client.create({ id: 'much', process: { args: ['seq', '1', '1400000'] } }, { start: true, wait: true });
  const text = await textOf(niwad, 'much');
  const wanted = `${Array.from({ length: 1_400_000 }, (_, i) => i + 1).join('\n')}\n`;
  expect(wanted.length).toBeGreaterThan(10_000_000);
  expect(text.length).toBe(wanted.length);
  expect(sha256(text)).toBe(sha256(wanted));
});

test('pieces have the times at which they came, in their order', async ({ niwad }) => {
  const before = Date.now();
  await niwad.run({ id: 'timed', process: shell('for i in 1 2 3 4; do echo $i; echo $i >&2; sleep 0.05; done') });
  const chunks = await collect(niwad, 'timed');
  const times = chunks.map(({ time }) => Date.parse(time));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBeGreaterThanOrEqual(before);
  expect(times.at(-1)).toBeLessThanOrEqual(Date.now());
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(140);
  expect(chunks.map(({ data }) => data.toString()).join('')).toMatch(/^(1\n1\n)(2\n2\n)(3\n3\n)(4\n4\n)$/);
  expect(chunks[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('parts are found by time and by lines', async ({ niwad }) => {
  await niwad.run({ id: 'parts', process: shell('for i in $(seq 1 20); do echo $i; sleep 0.02; done; printf end') });
  const chunks = await collect(niwad, 'parts');
  const [time = '', number = ''] = chunks.filter((_, i) => i === 10).flatMap(({ time, data }) => [time, `${data}`]);
  const all = await textOf(niwad, 'parts');
  const at = all.indexOf(number);
  expect(await textOf(niwad, 'parts', { since: time })).toBe(all.slice(at));
  expect(await textOf(niwad, 'parts', { until: time })).toBe(all.slice(0, at));
  expect(await textOf(niwad, 'parts', { since: '1h' })).toBe(all);
  expect(await textOf(niwad, 'parts', { until: '1h' })).toBe('');
  expect(await textOf(niwad, 'parts', { tail: 3 })).toBe('19\n20\nend');
  expect(await textOf(niwad, 'parts', { tail: 0 })).toBe('');
  expect(await textOf(niwad, 'parts', { tail: 100 })).toBe(all);
  expect(await textOf(niwad, 'parts', { tail: 1, until: time })).toBe(all.slice(0, at).match(/\d+\n$/)?.[0]);
  expect(await textOf(niwad, 'parts', { tail: 2, stream: 'stderr' })).toBe('');
});

test('requests that mean nothing are refused', async ({ niwad }) => {
  await niwad.run({ id: 'refused', process: { args: ['true'] } });
  const problem = async (query: string) => {
    const { status, text } = await raw(niwad.socket, 'GET', `/v1/containers/refused/logs?${query}`);
    return [status, (JSON.parse(text) as { problems: { path: string }[] }).problems[0]?.path];
  };
  expect(await problem('since=yesterday')).toEqual([400, 'since']);
  expect(await problem('tail=-1')).toEqual([400, 'tail']);
  expect(await problem('stream=stdin')).toEqual([400, 'stream']);
  expect(await problem('follow=true&until=1m')).toEqual([400, 'follow']);
  expect((await raw(niwad.socket, 'GET', '/v1/containers/nobody/logs')).status).toBe(404);
});

test('a follower gets what is there, and each line as it comes, until the end', async ({ niwad }) => {
  const script = 'trap "echo last; exit" TERM; echo first; while :; do sleep 0.02; done';
  await niwad.start({ id: 'followed', process: shell(script) });
  const heard: string[] = [];
  const following = (async () => {
    for await (const { data } of niwad.client.logs('followed', { follow: true })) heard.push(data.toString());
  })();
  await vi.waitFor(() => expect(heard).toEqual(['first\n']), PATIENCE);
  await niwad.client.stop('followed');
  await following;
  expect(heard).toEqual(['first\n', 'last\n']);
});

test('a follower that is slow or gone does not hold a container back', async ({ niwad }) => {
  await niwad.client.create({ id: 'unread', process: { args: ['seq', '1', '1000000'] } });
  const slow = niwad.client.logs('unread', { follow: true });
  const gone = niwad.client.logs('unread', { follow: true });
  await niwad.client.start('unread');
  await Promise.all([slow.next(), gone.next()]);
  await gone.return(undefined);
  expect(await niwad.client.wait('unread', { timeout: '60s' })).toMatchObject({ code: 0 });
  let length = 0;
  for await (const { data } of slow) length += data.length;
  expect(length).toBeGreaterThan(0);
  expect((await textOf(niwad, 'unread')).length).toBe(6_888_896);
});

test('niwa logs shows what was written where it was written', async ({ niwad }) => {
  await niwad.run({ id: 'shown', process: shell('echo one; echo two >&2; printf th; sleep 0.05; echo ree') });
  expect(await niwad.cli('logs', 'shown')).toEqual({ exitCode: 0, stdout: 'one\nthree', stderr: 'two' });
  expect(await niwad.cli('logs', '--tail', '1', '--stream', 'stdout', 'shown')).toMatchObject({ stdout: 'three' });
  expect(await niwad.cli('logs', '-f', '--since', '1h', '-n', '0', 'shown')).toMatchObject({ exitCode: 0, stdout: '' });
  const { stdout, stderr } = await niwad.cli('logs', '-t', 'shown');
  expect(stdout).toMatch(/^\S+Z one\n\S+Z three$/);
  expect(stderr).toMatch(/^\S+Z two$/);
  expect((await niwad.cli('logs', 'nobody')).exitCode).toBe(1);
  expect((await niwad.cli('logs', '--since', 'soon', 'shown')).stderr).toContain(
    'since: found "soon"; allowed: a date',
  );
});

test('a log goes with its container, and an id that is used again begins an empty one', async ({ niwad }) => {
  const { place, client } = niwad;
  const directory = join(place.stateDir, 'logs', 'again');
  await niwad.run({ id: 'again', process: { args: ['echo', 'before'] } });
  expect(readdirSync(directory)).toEqual(['00000001.idx', '00000001.log']);
  expect(readFileSync(join(directory, '00000001.log'), 'utf8')).toBe('before\n');
  await client.remove('again');
  expect(() => readdirSync(directory)).toThrow('ENOENT');
  await niwad.run({ id: 'again', process: { args: ['echo', 'after'] } });
  expect(await textOf(niwad, 'again')).toBe('after\n');
  expect(readdirSync(join(place.runDir, 'containers'))).not.toContain('again');
  await niwad.client.create({ id: 'unborn', process: { args: ['true'], cwd: '/no/such' } }).catch(() => {});
  expect(readdirSync(join(place.stateDir, 'logs'))).not.toContain('unborn');
  await niwad.client.create({ id: 'silent', process: { args: ['true'] } });
  expect(await textOf(niwad, 'silent')).toBe('');
  await client.remove('silent', { force: true });
});

test('a noisy container is slowed to its rate, and the lines of others come at once', async () => {
  const niwad = await startDaemon(newPlace({ logs: { bytesPerSecond: 1024 * 1024, maxBytes: 64 * 1024 * 1024 } }));
  await niwad.start({ id: 'noisy', process: { args: ['yes', 'a line that is written without end'] } });
  await niwad.start({ id: 'quiet', process: shell('while :; do date +%s%N; sleep 0.02; done') });
  await sleep(3000);
  const late: number[] = [];
  for await (const { data, time } of niwad.client.logs('quiet', { follow: true, tail: 0 })) {
    const [written = ''] = data.toString().trim().split('\n');
    late.push(Date.parse(time) - Number(written) / 1e6);
    if (late.length === 25) break;
  }
  const { started_at, exit } = await niwad.client.stop('noisy', { timeout: 0 });
  const seconds = (Date.parse(exit?.at ?? '') - Date.parse(started_at ?? '')) / 1000;
  const bytes = (await textOf(niwad, 'noisy')).length;
  const rate = bytes / 1024 / 1024 / seconds - 1 / seconds; // but for the burst
  console.log(
    `noisy: ${rate.toFixed(2)} MiB/s of 1; the lines of another were ${Math.max(...late).toFixed(1)} ms late at most`,
  );
  expect(rate).toBeLessThan(1.2);
  expect(rate).toBeGreaterThan(0.5);
  expect(Math.max(...late)).toBeLessThan(scaled(250));
});

test('a reader from whom the log was rotated away is told, and goes on', async () => {
  const niwad = await startDaemon(newPlace({ logs: { maxBytes: 262_144, maxFiles: 4, bytesPerSecond: 0 } }));
  await niwad.client.create({ id: 'rotated', process: shell('seq 1 20000; sleep 0.5; seq 20001 600000') });
  const follower = niwad.client.logs('rotated', { follow: true });
  await niwad.client.start('rotated');
  let [text, lost] = ['', 0];
  for (;;) {
    const { done, value } = await follower.next();
    if (done) break;
    if (text === '') await niwad.client.wait('rotated'); // by then, more has come than is kept
    if (value.lost) lost++;
    text += value.data;
  }
  expect(lost).toBeGreaterThan(0);
  expect(text).toMatch(/^1\n2\n3\n/);
  expect(text).toMatch(/\n599999\n600000\n$/);
});

test('keeps what a container has written that ends at once', async ({ niwad }) => {
  const ids = Array.from({ length: 60 }, (_, i) => `brief${i}`);
  for (const id of ids) await niwad.start({ id, process: { args: ['echo', 'kept'] } });
  await Promise.all(ids.map((id) => niwad.client.wait(id)));
  const lost: string[] = [];
  for (const id of ids) if ((await textOf(niwad, id)) !== 'kept\n') lost.push(id);
  expect(lost).toEqual([]);
});

test('makes its directories again where somebody has removed them: nobody waits', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  rmSync(place.stateDir, { recursive: true });
  await niwad.start({ id: 'anew', process: { args: ['echo', 'kept'] } });
  expect(await niwad.client.wait('anew', { timeout: '10s' })).toMatchObject({ code: 0 });
  expect(await textOf(niwad, 'anew')).toBe('kept\n');
});

test('an end whose output does not fit waits alone, also for the next daemon, and is recorded once', async () => {
  const place = newPlace({ logs: { bytesPerSecond: 0 } });
  const logs = join(place.stateDir, 'logs');
  mountTmpfs(logs, 'size=64k');
  const first = await startDaemon(place);
  await first.start({ id: 'waits', process: { args: ['seq', '1', '18000'] } }); // the rest of it fits into the FIFO
  const recorded = (niwad: Niwad) => niwad.ledger('waits').filter(({ type }) => type === 'final');
  await vi.waitFor(() => expect(recorded(first)).toHaveLength(1), PATIENCE);
  expect(await first.run({ id: 'other', process: { args: ['true'] } })).toMatchObject({ exit: { code: 0 } });
  expect((await first.client.inspect('waits')).state).not.toBe('exited');
  expect(first.groups()).toEqual(['waits']);
  await first.stop('SIGKILL');

  const second = await startDaemon(place);
  expect(await second.run({ id: 'another', process: { args: ['true'] } })).toMatchObject({ exit: { code: 0 } });
  expect(second.groups()).toEqual(['waits']);
  await execa('mount', ['-o', 'remount,size=16m', logs]);
  expect(await second.client.wait('waits', { timeout: '60s' })).toMatchObject({ code: 0 });
  const wanted = `${Array.from({ length: 18_000 }, (_, i) => i + 1).join('\n')}\n`;
  expect(sha256(await textOf(second, 'waits'))).toBe(sha256(wanted));
  expect(recorded(second)).toHaveLength(1);
  expect(second.groups()).toEqual([]);
});

test('the next daemon tells of output that it can no longer store', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'other', process: shell('sleep 1000') });
  await first.stop('SIGKILL');
  const fifo = join(place.runDir, 'containers/other/stdout');
  rmSync(fifo);
  writeFileSync(fifo, 'no FIFO');
  const second = await startDaemon(place);
  expect(second.log).toContain('"errno":"EINVAL"');
  expect(second.log).toContain('the output of a container can no longer be stored');
  expect((await second.client.inspect('other')).state).toBe('running');
});

test('on a full disk a container waits, and loses nothing', async () => {
  const place = newPlace({ logs: { bytesPerSecond: 0 } });
  const logs = join(place.stateDir, 'logs');
  mountTmpfs(logs, 'size=256k');
  const niwad = await startDaemon(place);
  await niwad.start({ id: 'full', process: { args: ['seq', '1', '200000'] } });
  await vi.waitFor(() => expect(niwad.log).toContain('output cannot be stored'), PATIENCE);
  expect(niwad.log).toContain('"errno":"ENOSPC"');
  await sleep(2500);
  expect(niwad.log.match(/output cannot be stored/g)).toHaveLength(1);
  expect((await niwad.client.inspect('full')).state).toBe('running');
  await execa('mount', ['-o', 'remount,size=16m', logs]);
  expect(await niwad.client.wait('full', { timeout: '60s' })).toMatchObject({ code: 0 });
  expect(niwad.log).toContain('output is stored again');
  const wanted = `${Array.from({ length: 200_000 }, (_, i) => i + 1).join('\n')}\n`;
  expect(sha256(await textOf(niwad, 'full'))).toBe(sha256(wanted));
});
