import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import type { ContainerStatus, Spec } from '../../src/client/index.js';
import { NIWA, type Niwad, runNiwa } from './support/niwad.js';
import { test } from './support/test.js';

const sleeper = { args: ['sleep', '1000'] };

/** Runs a command that goes on; gives the lines that it has written so far. */
function follow(niwad: Niwad, ...args: string[]) {
  const command = execa(NIWA, ['--socket', niwad.socket, ...args], { reject: false, buffer: false });
  const lines: string[] = [];
  createInterface(command.stdout).on('line', (line) => lines.push(line));
  const end = async () => {
    command.kill();
    await command;
  };
  return { lines, end };
}

test('takes a container through its states', async ({ niwad }) => {
  const stateOf = async () => (await niwad.client.inspect('walked')).state;
  const cli = async (...args: string[]) => {
    expect(await niwad.cli(...args)).toEqual({ exitCode: 0, stdout: 'walked', stderr: '' });
    return await stateOf();
  };
  expect(await cli('create', '--name', 'walked', '--', 'sleep', '1000')).toBe('created');
  expect(await cli('start', 'walked')).toBe('running');
  expect(await cli('pause', 'walked')).toBe('paused');
  expect(await cli('resume', 'walked')).toBe('running');
  expect(await cli('update', 'walked', '--lifetime', '1h')).toBe('running');
  expect((await niwad.client.inspect('walked')).spec.lifetimeUsec).toBe(3600e6);
  expect(await cli('stop', '-t', '5s', 'walked')).toBe('exited');
  expect(await cli('stop', 'walked')).toBe('exited'); // nothing is left to do
  expect(await niwad.cli('rm', 'walked')).toMatchObject({ exitCode: 0, stdout: 'walked' });
  await expect(stateOf()).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('acts on several containers, goes on after an error, and ends with 1', async ({ niwad }) => {
  for (const id of ['first', 'second']) await niwad.start({ id, process: sleeper });
  const killed = await niwad.cli('kill', 'first', 'nobody', 'second');
  expect(killed).toEqual({ exitCode: 1, stdout: 'first\nsecond', stderr: 'niwa: there is no container nobody' });
  const waited = await niwad.cli('wait', 'first', 'second');
  expect(waited).toMatchObject({ exitCode: 0, stdout: 'SIGKILL\nSIGKILL' });
  expect(await niwad.cli('rm', '--force', 'first', 'second')).toMatchObject({ exitCode: 0 });
});

test('shows containers as words and as JSON', async ({ niwad }) => {
  await niwad.start({ id: 'shown', process: sleeper, owner: 'alice', labels: { a: 'b' }, lifetime: '2h' });
  await niwad.run({ id: 'gone', process: { args: ['sh', '-c', 'exit 3'] } });
  const [ps, all, quiet, words, json, gone] = await Promise.all([
    niwad.cli('ps'),
    niwad.cli('ps', '-a', '--json'),
    niwad.cli('ps', '-aq', '--owner', 'alice', '-l', 'a=b'),
    niwad.cli('inspect', 'shown'),
    niwad.cli('inspect', 'shown', '--json'),
    niwad.cli('inspect', 'gone', '--json'),
  ]);
  expect(ps.stdout).toMatch(
    /^ID +STATE +AGE +LEFT +CPU TIME +MEMORY +OWNER +COMMAND\nshown +running .* alice +sleep 1000$/,
  );
  expect((JSON.parse(all.stdout) as ContainerStatus[]).map(({ id }) => id)).toEqual(['shown', 'gone']);
  expect(quiet.stdout).toBe('shown');
  expect(words.stdout).toMatch(/^id: shown\nstate: running\n/);
  expect(JSON.parse(json.stdout)).toMatchObject({ state: 'running', exit: null, usage: { cpu: {} } });
  const exit = { code: 3, signal: null, reason: 'exited', at: expect.stringMatching(/^\d{4}-/) };
  expect(JSON.parse(gone.stdout)).toMatchObject({
    state: 'exited',
    exit,
    usage: { cpu: { usage_usec: expect.any(Number) } },
  });
});

test('shows statistics once, and again and again', async ({ niwad }) => {
  const [once, json] = await Promise.all([
    niwad.cli('stats', '--no-stream', 'shown'),
    niwad.cli('stats', '--no-stream', '--json'),
  ]);
  expect(once.stdout).toMatch(
    /^ID +STATE +CPU +CPU TIME +THROTTLED +MEMORY +PIDS +READ +WRITTEN +WRITE\/S\nshown +running /,
  );
  expect(JSON.parse(json.stdout)).toMatchObject([{ id: 'shown', state: 'running' }]);

  const { lines, end } = follow(niwad, 'stats', '--json');
  await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(3), { timeout: 60_000 });
  await end();
  for (const line of lines) expect(JSON.parse(line)).toMatchObject([{ id: 'shown' }]);
});

test('shows events as they happen', async ({ niwad }) => {
  const { lines, end } = follow(niwad, 'events');
  // The command takes a while to listen: something happens until it is heard.
  await vi.waitFor(
    async () => {
      await niwad.client.setLifetime('shown', { lifetime: '1h' });
      expect(lines.length).toBeGreaterThan(0);
    },
    { timeout: 60_000, interval: 200 },
  );
  await niwad.client.remove('shown', { force: true });
  await vi.waitFor(() => expect(lines.at(-1)).toMatch(/ remove shown$/), { timeout: 60_000 });
  await end();
  expect(lines.at(0)).toMatch(/^\d{4}-\S+Z lifetime shown$/);
  expect(lines.at(-2)).toMatch(/ exit shown stopped SIGKILL$/);
});

test('changes limits and lifetimes, and refuses to change nothing', async ({ niwad }) => {
  await niwad.start({ id: 'changed', process: sleeper, lifetime: '1h' });
  const [nothing, unknown, none] = await Promise.all([
    niwad.cli('update', 'changed'),
    niwad.cli('update', 'nobody', '--lifetime', '1h'),
    niwad.cli('update', 'changed', '--lifetime', 'none', '--json'),
  ]);
  expect([nothing.exitCode, nothing.stderr]).toEqual([2, expect.stringContaining('nothing to change')]);
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, 'niwa: there is no container nobody']);
  expect(JSON.parse(none.stdout)).toMatchObject({ id: 'changed', deadline_at: null });
  expect(await niwad.cli('update', 'changed', '--remaining', '0')).toMatchObject({ exitCode: 0 });
  expect(await niwad.client.wait('changed')).toMatchObject({ reason: 'lifetime' });
});

test('leaves the options of a command in a container to it', async ({ niwad }) => {
  await niwad.start({ id: 'words', process: sleeper });
  const [listed, found, user, shell] = await Promise.all([
    niwad.cli('run', '--rm', 'ls', '-d', '/etc'),
    niwad.cli('exec', 'words', 'grep', '-ic', 'NAME', '/proc/self/status'),
    niwad.cli('exec', '--user', '7', 'words', 'id', '-u'),
    niwad.cli('exec', 'words', '--', 'sh', '-c', 'echo $1', '-', '--json'),
  ]);
  expect(listed).toEqual({ exitCode: 0, stdout: '/etc', stderr: '' });
  expect(found).toMatchObject({ exitCode: 0, stdout: '1' });
  expect(user).toMatchObject({ exitCode: 0, stdout: '7' });
  expect(shell).toMatchObject({ exitCode: 0, stdout: '--json' });
});

test('refuses a lifetime that is none with words about the lifetime', async ({ niwad }) => {
  const { exitCode, stderr } = await niwad.cli('run', '--lifetime', '-5s', 'true');
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('lifetime: found "-5s"; allowed: ')]);
});

test('lists and bills those that fit all filters', async ({ niwad }) => {
  const specs = { both: { a: '1', b: '2' }, one: { a: '1' } };
  for (const [id, labels] of Object.entries(specs)) {
    await niwad.start({ id, labels, owner: 'filters', process: sleeper });
    await niwad.client.stop(id, { timeout: 0 });
  }
  const filters = ['--owner', 'filters', '-l', 'a=1', '--label', 'b=2', '--owner', 'filters'];
  const [listed, billed, contradiction] = await Promise.all([
    niwad.cli('ps', '-aq', ...filters),
    niwad.cli('usage', '--json', ...filters),
    niwad.cli('usage', '--owner', 'filters', '--owner', 'others'),
  ]);
  expect(listed).toEqual({ exitCode: 0, stdout: 'both', stderr: '' });
  expect(JSON.parse(billed.stdout)).toMatchObject({ rows: [{ key: 'both', runs: 1 }] });
  expect([contradiction.exitCode, contradiction.stderr]).toEqual([
    2,
    expect.stringContaining('"filters" and "others"'),
  ]);
});

test('reads numbers and times in the same way everywhere', async ({ niwad }) => {
  const talker = { args: ['sh', '-c', 'trap "" TERM; echo one; echo two; while :; do sleep 0.05; done'] };
  await niwad.start({ id: 'times', process: talker });
  await niwad.says('times', 'two');
  const logs = async (...args: string[]) => (await niwad.cli('logs', 'times', ...args)).stdout;
  const answers = await Promise.all([logs('--since', '600'), logs('--tail', 'all'), logs('-n1'), logs('--tail=0')]);
  expect(answers).toEqual(['one\ntwo', 'one\ntwo', 'two', '']);
  expect(await niwad.cli('update', 'times', '--lifetime', '3600')).toMatchObject({ exitCode: 0 });
  expect((await niwad.client.inspect('times')).spec.lifetimeUsec).toBe(3600e6);
  expect(await niwad.cli('stop', 'times', '-t', '0.1')).toMatchObject({ exitCode: 0, stdout: 'times' });
  expect((await niwad.client.inspect('times')).exit).toMatchObject({ signal: 'SIGKILL' });
});

test('refuses what is no number and no time, before anything is done', async ({ niwad }) => {
  const wrong = [
    ['top', '-n', 'abc'],
    ['top', '-n', '0'],
    ['logs', 'nobody', '--tail', '-1'],
    ['drain', '-t', 'soon'],
    ['usage', '--since', '20261101'],
  ];
  const answers = await Promise.all(wrong.map((args) => niwad.cli(...args)));
  expect(answers.map(({ exitCode }) => exitCode)).toEqual(wrong.map(() => 2));
  for (const { stderr } of answers) expect(stderr).toMatch(/: found ".*"; allowed: /);
  expect(await niwad.client.drainStatus()).toMatchObject({ draining: false });
});

test('takes the verbs of other runtimes, or says what to type', async ({ niwad }) => {
  await niwad.client.create({ id: 'verbs', process: { args: ['true'] } }, { wait: true });
  expect((await niwad.cli('ls', '-aq')).stdout.split('\n')).toContain('verbs');
  expect((await niwad.cli('container', 'inspect', 'verbs')).stdout).toMatch(/^id: verbs\n/);
  expect(await niwad.cli('delete', 'verbs')).toEqual({ exitCode: 0, stdout: 'verbs', stderr: '' });
  expect((await niwad.cli('info')).stdout).toMatch(/^version: .*\npid: [0-9]+\n/);
  expect(await niwad.cli('rename', 'verbs', 'words')).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: expect.stringMatching(/^niwa: niwa has no command "rename": an id names the group, the logs and the bill/),
  });
});

test('works without a daemon where it needs none', async ({ niwad }) => {
  const nowhere = ['--socket', join(niwad.place.directory, 'nobody.sock')];
  const [plan, json, doctor, version, completion, help, list, unknown] = await Promise.all([
    runNiwa([...nowhere, 'plan', '--lifetime', '5s', '--', 'sleep', '9']),
    runNiwa([...nowhere, 'plan', '--json', '--', 'sleep', '9']),
    runNiwa([...nowhere, 'doctor', '--json']),
    runNiwa([...nowhere, 'version']),
    runNiwa(['completion', 'bash']),
    runNiwa(['run', '--help']),
    runNiwa([...nowhere, 'ps', '--json']),
    runNiwa(['frobnicate']),
  ]);
  expect(plan.exitCode).toBe(0);
  expect(plan.stdout).toMatch(
    /^ +1 +group +make the cgroup \S+\/niwa\/containers\/ID\n.*exec sleep 9\n +end +ends 5s after its start.*\n +offline /s,
  );
  const { spec, steps } = JSON.parse(json.stdout) as { spec: Spec; steps: { phase: string; operation: string }[] };
  expect(spec.process.args).toEqual(['sleep', '9']);
  expect(steps.at(-1)).toMatchObject({ phase: 'boot', operation: 'exec' });
  expect(doctor.exitCode).toBe(0);
  expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: true, summary: expect.stringMatching(/^ready: /) });
  expect((await runNiwa([...nowhere, 'doctor'])).stdout).toMatch(/^ready: .*\n\n/);
  expect(version).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^niwa \d+\.\d+\.\d+\nniwad not running on /),
  });
  expect(completion.stdout).toContain('complete');
  expect(help.stdout).toMatch(/Examples:.*niwa run /s);
  expect(list.exitCode).toBe(1);
  expect(JSON.parse(list.stderr)).toMatchObject({
    code: 'DAEMON_UNREACHABLE',
    message: expect.stringContaining('Start it with'),
  });
  expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('niwa --help')]);
});

test('tells the version of the daemon that runs', async ({ niwad }) => {
  const { stdout } = await niwad.cli('version', '--json');
  const { client, daemon } = JSON.parse(stdout) as { client: string; daemon: string };
  expect(daemon).toBe(client);
});
