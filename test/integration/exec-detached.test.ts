import { describe, expect, vi } from 'vitest';
import type { RuntimeEvent } from '../../src/protocol/events.js';
import type { ExecEnded, ExecStarted } from '../../src/protocol/exec.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { toldSoFar } from './support/events.js';
import { PATIENCE } from './support/host.js';
import { raw } from './support/http.js';
import { isAlive, type Niwad } from './support/niwad.js';
import { execSh } from './support/session.js';
import { GROUP, test } from './support/test.js';
import { asUser } from './support/user.js';

cleanUpDaemons();

const shell = (script: string) => ({ args: ['sh', '-c', script] });

let made = 0;

/** Starts a container that only waits; gives its id. */
async function sleeper(niwad: Niwad): Promise<string> {
  const id = `detached-${process.pid}-${++made}`;
  await niwad.start({ id, process: { args: ['sleep', '1000'] } });
  return id;
}

type ExecEvent = Extract<RuntimeEvent, { exec: unknown }>;

/** What was told of the detached execs of a container, in order. */
async function toldOf(niwad: Niwad, id: string): Promise<[ExecEvent['type'], ExecStarted | ExecEnded][]> {
  const told = (await toldSoFar(niwad)).filter((line): line is ExecEvent => 'exec' in line && line.id === id);
  return told.map(({ type, exec }) => [type, exec]);
}

test('it goes on without a client, with /dev/null as its streams, and its end is told', async ({ niwad }) => {
  const id = await sleeper(niwad);
  const script =
    'said=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); echo "$said" >/tmp/said; echo lost; read x </tmp/go; exit 7';
  await execSh(niwad, id, 'mkfifo /tmp/go');
  const { exitCode, stdout, stderr } = await niwad.cli('exec', '-d', id, '--', 'sh', '-c', script);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^[0-9a-f]{12}$/);
  const streams = '/dev/null\n/dev/null\n/dev/null';
  await vi.waitFor(async () => expect(await execSh(niwad, id, 'cat /tmp/said')).toBe(streams), PATIENCE);
  const [[type, started] = []] = await toldOf(niwad, id);
  expect([type, started]).toEqual(['exec-started', { id: stdout, pid: expect.any(Number) }]);
  expect(niwad.pidsOf(id)).toContain(started?.pid);
  await execSh(niwad, id, 'echo >/tmp/go');
  const ended = ['exec-ended', { ...started, code: 7, signal: null }];
  await vi.waitFor(async () => expect((await toldOf(niwad, id)).slice(1)).toEqual([ended]), PATIENCE);
  const events = await niwad.cli('events', '--since', '1h', '--until', '0s', '--type', 'exec-ended', id);
  expect(events.stdout).toMatch(new RegExp(`^\\S+ exec-ended ${id} ${stdout} 7$`));
});

test('the answer has the id and the pid, and its end has the signal', async ({ niwad }) => {
  const id = await sleeper(niwad);
  const started = await niwad.client.execDetached(id, { args: ['sleep', '1000'], user: '7:8', cwd: '/tmp' });
  expect(started).toEqual({ id: expect.any(String), pid: expect.any(Number) });
  expect(await execSh(niwad, id, 'for p in /proc/[0-9]*; do stat -c %u:%g $p; done')).toContain('7:8');
  process.kill(started.pid, 'SIGKILL');
  const end = ['exec-ended', { ...started, code: null, signal: 'SIGKILL' }];
  await vi.waitFor(async () => expect((await toldOf(niwad, id)).at(-1)).toEqual(end), PATIENCE);
  const json = await niwad.cli('exec', '--json', '-d', id, 'true');
  expect(JSON.parse(json.stdout)).toEqual({ id: expect.any(String), pid: expect.any(Number) });
});

test('a program that is not there is 127, one that cannot run 126, and no event tells of it', async ({ niwad }) => {
  const id = await sleeper(niwad);
  const [missing, noProgram] = [
    await niwad.cli('exec', '-d', id, 'nope'),
    await niwad.cli('exec', '-d', id, '/etc/passwd'),
  ];
  expect([missing.exitCode, noProgram.exitCode]).toEqual([127, 126]);
  expect(missing.stderr).toMatch(/the exec in container .* failed: exec nope: ENOENT/);
  expect(niwad.pidsOf(id)).toHaveLength(1);
  expect(await toldOf(niwad, id)).toEqual([]);
});

test.for(['SIGTERM', 'SIGKILL'] as const)(
  'it goes on after %s of niwad, and ends with its container',
  async (signal) => {
    const first = await startDaemon(newPlace());
    const id = await sleeper(first);
    const { pid } = await first.client.execDetached(id, shell('sleep 1000; exit 1'));
    const started = performance.now();
    await first.stop(signal);
    expect(performance.now() - started).toBeLessThan(PATIENCE.timeout);
    const second = await startDaemon(first.place);
    expect(second.pidsOf(id)).toContain(pid);
    await second.client.stop(id, { timeout: 0 });
    expect(isAlive(pid)).toBe(false);
  },
);

describe('refused:', () => {
  test('with -i or -t, since nobody is there', async ({ niwad }) => {
    const id = await sleeper(niwad);
    for (const [flags, named] of [
      ['-di', '-i'],
      ['-dt', '-t'],
      ['-dit', '-i and -t'],
    ] as const) {
      const { exitCode, stderr } = await niwad.cli('exec', flags, id, 'true');
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`-d: found with ${named}; allowed: -d alone`)]);
    }
    const body = JSON.stringify({ args: ['true'], detach: true, tty: true, stdin: true });
    const options = { body, type: 'application/json' };
    const { status, text } = await raw(niwad.socket, 'POST', `/v1/containers/${id}/exec`, options);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ problems: [{ path: 'tty' }, { path: 'stdin' }] });
  });

  test('in a container that does not run', async ({ niwad }) => {
    const { id } = await niwad.client.create({ process: { args: ['sleep', '1000'] } });
    const { exitCode, stderr } = await niwad.cli('exec', '-d', id, 'true');
    expect([exitCode, stderr]).toEqual([125, expect.stringContaining('created')]);
  });

  test('more at a time than niwad watches for one container', async ({ niwad }) => {
    const id = await sleeper(niwad);
    const ask = () => niwad.client.execDetached(id, { args: ['sleep', '1000'] });
    const [first] = await Promise.all(Array.from({ length: 64 }, ask));
    await expect(ask()).rejects.toMatchObject({ code: 'STATE_CONFLICT', message: expect.stringContaining('64') });
    await expect(niwad.client.execDetached(await sleeper(niwad), { args: ['true'] })).resolves.toBeDefined();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await vi.waitFor(ask, PATIENCE);
  });

  test('to others than root, what their container could not have', async ({ niwad, skip }) => {
    const id = await sleeper(niwad);
    const member = { uid: 1234, gid: GROUP };
    const ask = (more: object) =>
      asUser(niwad, skip, member, {
        method: 'POST',
        path: `/v1/containers/${id}/exec`,
        body: { args: ['true'], detach: true, ...more },
      });
    expect(await ask({})).toMatch(/^HTTP\/1.1 201 /);
    expect(await ask({ capabilities: { add: ['SYS_PTRACE'] } })).toMatch(/^HTTP\/1.1 403 /);
  });
});
