import { readdirSync } from 'node:fs';
import { expect, test as plain, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { keeperOf, NIWA } from './support/niwad.js';
import { collect, says } from './support/session.js';
import { test as base } from './support/test.js';
import { cleanUpTerminals, Tmux } from './support/tmux.js';

/** A test with a real terminal in which `niwa` speaks to the daemon. */
const test = base.extend('tmux', async ({ niwad }) => {
  const tmux = new Tmux(80, 24, { NIWA_SOCKET: niwad.socket });
  tmux.type(`niwa() { ${NIWA} "$@"; }`);
  await tmux.shows('$');
  return tmux;
});

cleanUpTerminals();
cleanUpDaemons();

test('run -it: type, interrupt, resize, leave, come back, exit', async ({ niwad, tmux }) => {
  const id = `shell-${process.pid}`;
  tmux.type(`niwa run -it -e PS1=inside: --name ${id} -- sh`);
  await tmux.shows(/\ninside:/);
  tmux.type('tty; stty size');
  await tmux.shows(/\/dev\/pts\/0\n24 80\n/);

  tmux.type('sleep 1000');
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(2), PATIENCE);
  tmux.press('C-c');
  await tmux.shows(/\^C\s+inside:/);
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(1), PATIENCE);

  tmux.resize(100, 30);
  await vi.waitFor(async () => {
    tmux.type('stty size');
    await tmux.shows('30 100');
  }, PATIENCE);

  tmux.press('C-p', 'C-q');
  await tmux.shows(`niwa: left ${id}, which goes on`);
  expect((await niwad.client.inspect(id)).state).toBe('running');
  tmux.type('stty -a | grep -o " icanon"; echo left $?'); // our own terminal is as it was
  await tmux.shows(/ icanon\nleft 0/);

  tmux.type(`niwa attach ${id}; echo status $?`);
  tmux.type('echo $((6 * 7)) again');
  await tmux.shows('42 again');
  tmux.type('exit 9');
  await tmux.shows('status 9');
  const { stdout, stderr } = await niwad.output(id);
  expect(stdout).toContain('42 again\r\n');
  expect(stderr).toBe('');
});

test('exec -it: a shell in a container, whose status is passed on', async ({ niwad, tmux }) => {
  const { id } = await niwad.start({ process: { args: ['sleep', '1000'] } });
  tmux.type(`niwa exec -it -e PS1=inside: ${id} -- sh; echo status $?`);
  await tmux.shows(/\ninside:/);
  tmux.type('sleep 1000');
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(3), PATIENCE);
  tmux.press('C-c');
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(2), PATIENCE);
  tmux.resize(90, 20);
  await vi.waitFor(async () => {
    tmux.type('stty size');
    await tmux.shows('20 90');
  }, PATIENCE);
  tmux.type('exit 4');
  await tmux.shows('status 4');
  expect(niwad.pidsOf(id)).toHaveLength(1);
});

test('with an init, keys reach the workload', async ({ niwad, tmux }) => {
  const id = `init-${process.pid}`;
  const workload = `sh -c 'while :; do echo tick; sleep 0.1; done'`;
  tmux.type(`printf 'init: true' | niwa run -t -d -f - --name ${id} -- ${workload}`);
  await vi.waitFor(async () => expect((await niwad.client.inspect(id)).state).toBe('running'), PATIENCE);
  tmux.type(`niwa attach ${id}; echo status $?`);
  await tmux.shows('tick\ntick');
  tmux.press('C-c');
  await tmux.shows('status 130');
});

test('-t with -i needs a terminal', async ({ niwad }) => {
  const { id } = await niwad.start({ process: { args: ['sleep', '1000'] } });
  const refused = await niwad.cli('exec', '-it', id, '--', 'sh');
  expect([refused.exitCode, refused.stderr]).toEqual([
    2,
    expect.stringContaining('the input device is not a terminal'),
  ]);
  const keys = await niwad.cli('attach', '--detach-keys', 'ctrl-1', id);
  expect([keys.exitCode, keys.stderr]).toEqual([2, expect.stringContaining('--detach-keys')]);
});

test('run -t shows all that is written, and stores it as its log', async ({ niwad }) => {
  const id = `lines-${process.pid}`;
  const { stdout, exitCode } = await niwad.cli('run', '-t', '--name', id, '--', 'sh', '-c', 'seq 1 20000; exit 3');
  expect(exitCode).toBe(3);
  const lines = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\r\n`).join('');
  expect(stdout).toBe(lines.trimEnd());
  expect((await niwad.output(id)).stdout).toBe(lines);
});

test('attach without a terminal shows what comes, and passes signals on', { tags: 'vm' }, async ({ niwad }) => {
  const script = 'trap "echo caught; exit 6" USR1; while :; do echo tick >&2; sleep 0.1; done';
  const { id } = await niwad.start({ process: { args: ['sh', '-c', script] } });
  await niwad.says(id, 'tick');
  const session = await niwad.client.attach(id);
  const output = session.output();
  expect((await output.next()).value).toMatchObject({ stream: 'stderr' });
  session.kill('SIGUSR1');
  const { stdout, exit } = await collect({ output: () => output } as typeof session);
  expect(stdout.toString()).toBe('caught\n');
  expect(exit).toMatchObject({ code: 6, signal: null });
});

test('several clients see the same terminal, and each may type', { tags: 'vm' }, async ({ niwad }) => {
  const { id } = await niwad.start({ process: { args: ['cat'], tty: true } });
  const sessions = [await niwad.client.attach(id), await niwad.client.attach(id)];
  const outputs = sessions.map((session) => session.output());
  const both = (text: string) => Promise.all(outputs.map((output) => says(output, text)));
  const pending = both('one\r\none\r\n');
  await sessions[0]?.write(Buffer.from('one\n'));
  await pending;
  await sessions[1]?.write(Buffer.from('two\n'));
  await both('two\r\ntwo\r\n');
  await sessions[1]?.write(Buffer.from('\x04'));
  for (const output of outputs) expect((await output.next()).value).toMatchObject({ code: 0 });
});

plain('a container with a terminal survives niwad, and what it writes meanwhile is there', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const script = 'trap "" INT; while read line; do echo "got $line"; done';
  const { id } = await first.start({ process: { args: ['sh', '-c', script], tty: true } });
  const session = await first.client.attach(id);
  const output = session.output();
  await session.write(Buffer.from('before\n'));
  await says(output, 'got before');
  await session.write(Buffer.from('meanwhile\n'));
  await first.stop('SIGKILL');
  expect(keeperOf(place)).toBeDefined();

  const second = await startDaemon(place);
  expect((await second.client.inspect(id)).state).toBe('running');
  const again = await second.client.attach(id);
  await again.write(Buffer.from('after\n'));
  await says(again.output(), 'got after');
  await again.write(Buffer.from('\x04'));
  expect(await second.client.wait(id)).toMatchObject({ reason: 'exited', code: 0 });
  const { stdout } = await second.output(id);
  for (const word of ['got before', 'got after']) expect(stdout.split(word)).toHaveLength(2);
});

plain.each(['SIGKILL', 'SIGTERM'] as const)(
  'an exec with a terminal hangs up when niwad ends by %s',
  async (signal) => {
    const place = newPlace();
    const first = await startDaemon(place);
    const { id } = await first.start({ process: { args: ['sleep', '1000'] } });
    const session = await first.client.exec(id, { args: ['sh', '-c', 'echo ready; sleep 1000'], tty: true });
    await says(session.output(), 'ready');
    expect(await first.stop(signal)).toBe(signal === 'SIGTERM' ? 0 : signal);
    const second = await startDaemon(place);
    await vi.waitFor(() => expect(second.pidsOf(id)).toHaveLength(1), PATIENCE);
  },
);

/** How many network namespaces niwad keeps ready, each by a descriptor (netns_pool.cc). */
const NAMESPACES_AHEAD = 8;

test('containers with a terminal leave no descriptor', async ({ niwad }) => {
  const descriptors = () => readdirSync(`/proc/${niwad.pid}/fd`).length;
  const round = async () => {
    const { id } = await niwad.client.create({ process: { args: ['sh', '-c', 'echo hi; read x'], tty: true } });
    const session = await niwad.client.attach(id);
    const output = session.output();
    await niwad.client.start(id);
    await says(output, 'hi');
    await session.write(Buffer.from('\n'));
    while (!(await output.next()).done);
    await niwad.client.remove(id);
  };
  await Promise.all([round(), round(), round()]);
  const before = descriptors();
  for (let i = 0; i < 10; i++) await Promise.all([round(), round()]);
  // 20 rounds would leave 20; some of the network namespaces that are made ahead may have been missing before
  await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before + NAMESPACES_AHEAD), PATIENCE);
});
