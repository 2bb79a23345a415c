import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { OUTPUT_BYTES, runHook } from '../../../src/hooks/run-hook.js';

/** Real programs: whatever they do, one run ends in time and leaves nothing that counts. */

const never = new AbortController().signal;
const directory = mkdtempSync(join(tmpdir(), 'niwa-hook-'));
const at = (name: string) => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true }));

const shell = (script: string, timeoutUsec = 10e6, env = {}) => ({
  file: '/bin/sh',
  args: ['/bin/sh', '-c', script],
  env,
  timeoutUsec,
});
const run = (script: string, timeoutUsec?: number, input = '') =>
  runHook(shell(script, timeoutUsec), { NIWA_ID: 'a' }, input, never);
const isGone = (pid: number) => {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
};

it('gives its output and that it succeeded', async () => {
  expect(await run('echo out; echo err >&2')).toMatchObject({
    failure: null,
    output: expect.stringMatching(/out|err/),
  });
});

it('may not have all the files open that niwad may', async () => {
  const [soft, hard] = (await run('sleep 0.2; ulimit -Sn; ulimit -Hn')).output.split('\n').map(Number);
  expect([soft, hard]).toEqual([1024, Math.min(524_288, Number(execFileSync('sh', ['-c', 'ulimit -Hn'])))]);
});

it('says how it failed', async () => {
  expect(await run('exit 3')).toMatchObject({ failure: 'exit status 3' });
  expect(await run('kill -SEGV $$')).toMatchObject({ failure: 'ended by SIGSEGV' });
  const missing = { ...shell(''), file: '/no/such/program' };
  expect(await runHook(missing, {}, '', never)).toMatchObject({ failure: 'cannot run: ENOENT' });
  const long = { ...shell(''), args: ['sh', '-c', 'x'.repeat(200_000)] };
  expect(await runHook(long, {}, '', never)).toMatchObject({ failure: 'cannot run: E2BIG' });
});

it('has only the environment it is given, / as its directory, a session of its own, no signal blocked or ignored', async () => {
  const { output } = await runHook(
    shell(
      'env | grep -v ^_= | grep -v ^PWD= | grep -v ^SHLVL= | sort; pwd; cut -d" " -f6 /proc/$$/stat; echo $$; exec grep -E "^Sig(Blk|Ign)" /proc/self/status',
      10e6,
      { A: 'b' },
    ),
    { NIWA_ID: 'x' },
    '',
    never,
  );
  const [a, id, path, cwd, session, pid, blocked, ignored] = output.split('\n');
  expect([a, id, path, cwd]).toEqual(['A=b', 'NIWA_ID=x', expect.stringContaining('PATH=/usr/local/sbin'), '/']);
  expect(session).toBe(pid);
  expect([blocked, ignored].map((line) => line?.split('\t')[1])).toEqual(['0000000000000000', '0000000000000000']);
});

it('runs in the directory it is given, and in / where that is no more', async () => {
  const runIn = (place: string) => runHook({ ...shell('pwd'), directory: place }, {}, '', never);
  expect(await runIn(directory)).toMatchObject({ failure: null, output: directory });
  expect(await runIn(at('gone'))).toMatchObject({ failure: null, output: '/' });
  expect(await runIn('/etc/passwd')).toMatchObject({ failure: 'cannot run: ENOTDIR' });
});

it('reads its input to the end; one that reads none of it is no error', async () => {
  const input = 'x'.repeat(1_000_000);
  expect((await run('wc -c', undefined, input)).output).toBe('1000000');
  expect(await run('exit 0', undefined, input)).toMatchObject({ failure: null });
});

it('keeps the end of what a program writes, however much', async () => {
  const { failure, output } = await run('head -c 20000000 /dev/zero | tr "\\0" x; echo the end');
  expect(failure).toBeNull();
  expect(output.length).toBeLessThanOrEqual(OUTPUT_BYTES);
  expect(output.endsWith('xxx' + 'the end')).toBe(true);
});

it('is killed with its whole group when its time is over', async () => {
  const begun = Date.now();
  const { failure } = await run(`sh -c 'echo $$ > ${at('child')}; sleep 100' & trap "" TERM; wait`, 300e3);
  expect(failure).toBe('it took longer than 0.3 s');
  expect(Date.now() - begun).toBeLessThan(5000);
  const child = Number(readFileSync(at('child'), 'utf8'));
  await vi.waitFor(() => expect(isGone(child)).toBe(true), 10_000);
});

it('is over when it ends, though something that it left behind holds its streams open; that goes on', async () => {
  const begun = Date.now();
  const { failure, output } = await run(`sleep 100 & echo $! > ${at('left')}; echo done`);
  expect([failure, output]).toEqual([null, 'done']);
  expect(Date.now() - begun).toBeLessThan(5000);
  const left = Number(readFileSync(at('left'), 'utf8'));
  expect(isGone(left)).toBe(false);
  process.kill(left, 'SIGKILL');
});

it('is killed when it is not wanted any more', async () => {
  const end = new AbortController();
  const running = runHook(shell('sleep 100'), {}, '', end.signal);
  setTimeout(() => end.abort(), 50);
  expect(await running).toMatchObject({ failure: 'it was ended with niwad or its container' });
});
