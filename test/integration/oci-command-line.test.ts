import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const SLEEPER = 'exec sleep 1000';
const MADE = { exitCode: 0, message: '' };

const words = async (oci: Oci, ...args: string[]) => {
  const { exitCode, stderr } = await oci.run(...args);
  return [exitCode, stderr.replace('niwa-oci: ', '')];
};

describe('a word that has no effect is refused:', () => {
  test.for([
    [['delete', 'a', 'b'], 'delete takes no argument "b": niwa-oci delete CONTAINER'],
    [['create', 'a', 'b'], 'create takes no argument "b": niwa-oci create CONTAINER'],
    [['kill', 'a', '9', '10'], 'kill takes no argument "10": niwa-oci kill CONTAINER [SIGNAL]'],
    [['list', '-q', 'extra'], 'list takes no argument "extra": niwa-oci list'],
    [['spec', 'extra'], 'spec takes no argument "extra": niwa-oci spec'],
    [['--cgroup-manager', 'foo', 'list'], '--cgroup-manager "foo": it has to be one of cgroupfs, disabled, systemd'],
    [['--rootless', 'true', 'list'], '--rootless "true": it has to be one of auto, false'],
    [['--root', '', 'list'], '--root "" has to be the path of a directory'],
    [['events', '--interval', '5x', 'a'], 'the interval "5x" has to be a time such as 5s or 1m30s'],
    [['events', '--interval', '1m-30s', 'a'], 'the interval "1m-30s" has to be a time such as 5s or 1m30s'],
    [['events', '--interval', '0s', 'a'], 'the interval "0s" has to be a time such as 5s or 1m30s'],
    [['exec', '-tz', 'a', 'true'], 'there is no option -tz here; see niwa-oci --help'],
  ] as const)('%s', async ([args, expected], { oci }) => {
    expect((await words(oci, ...args))[1]).toBe(expected);
  });

  test('an update takes a file or options', async ({ oci }) => {
    const id = oci.id();
    expect(await oci.make('create', '--bundle', await oci.bundle(SLEEPER), id)).toEqual(MADE);
    const update = async (...args: string[]) => {
      const { exitCode, stderr } = await execa(NIWA_OCI, ['--niwad', oci.socket, 'update', ...args, id], {
        ...{ reject: false, input: '{}' },
      });
      return [exitCode, stderr];
    };
    expect(await update('-r', '-')).toEqual([0, '']);
    expect(await update('-r', '-', '--memory', '5m')).toEqual([1, expect.stringContaining('--memory: the file of')]);
    expect(await update('--l3-cache-schema', 'L3:0=f')).toEqual([1, expect.stringContaining('Intel RDT')]);
    expect(await update('--cpu-rt-runtime', '5')).toEqual([1, expect.stringContaining('cgroup v2 has no such limit')]);
    await oci.done('delete', '--force', id);
  });
});

test('an answer that cannot be written is an error, also in the log', async ({ oci }) => {
  const id = oci.id();
  const log = join(await oci.bundle(''), 'log');
  expect(await oci.make('create', '--bundle', await oci.bundle(SLEEPER), id)).toEqual(MADE);
  for (const args of [
    ['list'],
    ['features'],
    ['state', id],
    ['-debug', 'state', id],
    ['--log', log, 'state', id],
    ['help'],
    ['--version'],
  ]) {
    const command = ['-c', 'exec "$@" > /dev/full', 'sh', NIWA_OCI, ...args];
    const { exitCode, stderr } = await execa('sh', command, { reject: false, env: { NIWA_OCI_SOCKET: oci.socket } });
    expect([args, exitCode, stderr]).toEqual([args, 1, expect.stringContaining('cannot write the output: no space')]);
  }
  expect(readFileSync(log, 'utf8')).toContain('level=error msg="cannot write the output');
  await oci.done('delete', '--force', id);
});

test('a directory of --root is one space of ids, however it is written', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle(SLEEPER);
  const at = async (cwd: string, root: string, ...args: string[]) =>
    await execa(NIWA_OCI, ['--niwad', oci.socket, '--root', root, ...args], { reject: false, cwd, stdio: 'ignore' });
  expect(await at('/', '/run/one', 'create', '--bundle', bundle, id)).toMatchObject({ exitCode: 0 });
  for (const root of ['/run/one/', '//run/./one', '/usr/../run/one', '/../run/one'])
    expect([root, (await at('/', root, 'state', id)).exitCode]).toEqual([root, 0]);
  for (const [cwd, root] of [
    ['/run', 'one'],
    ['/run', './one'],
    ['/usr', '../run/one'],
    ['/', 'run/one'],
  ] as const)
    expect([root, (await at(cwd, root, 'state', id)).exitCode]).toEqual([root, 0]);
  expect((await at('/', '/run/two', 'state', id)).exitCode).toBe(1);
  expect((await at('/', '/run', 'state', id)).exitCode).toBe(1);
  expect((await at('/run', 'one/', 'delete', '--force', id)).exitCode).toBe(0);
});

test('letters of options may be one word', async ({ oci }) => {
  const id = oci.id();
  expect(await oci.make('run', '--detach', '--bundle', await oci.bundle(SLEEPER), id)).toEqual(MADE);
  const pidFile = join(await oci.bundle(''), 'pid');
  expect(await oci.make('exec', '-de', 'A=b', '--no-subreaper', '--pid-file', pidFile, id, 'true')).toEqual(MADE);
  await oci.done('delete', '-rf', `^${id}$`);
  expect((await oci.run('state', id)).exitCode).toBe(1);
});

test('help tells the options of a command in words', async ({ oci }) => {
  const told = await oci.done('help', 'exec');
  expect(told).toMatch(/^ +-p, --process FILE +process as in a config/m);
  expect(told).toBe(await oci.done('exec', '--help'));
  expect(await oci.done('help')).toMatch(/^ +run +make and start a container/m);
  expect(await words(oci, 'help', 'nothing')).toEqual([1, expect.stringContaining('No help topic')]);
});

/** Writes the word that comes over a socket, and the pid of the process whose pidfd comes with it. */
const RECEIVER = `
import array, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print('ready', flush=True)
for _ in range(2):
    word, rights, _, _ = server.accept()[0].recvmsg(64, 64)
    info = open('/proc/self/fdinfo/%d' % array.array('i', rights[0][2][:4])[0]).read()
    print(word.decode(), info.split('Pid:')[1].split()[0], flush=True)
`;

test('a pidfd socket gets the pidfd of a process', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle(SLEEPER);
  const [socket, pidFile] = [join(bundle, 'pidfd.sock'), join(bundle, 'pid')];
  const receiver = execa('python3', ['-c', RECEIVER, socket]);
  let told = '';
  receiver.stdout.on('data', (text) => {
    told += String(text);
  });
  await vi.waitFor(() => expect(told).toBe('ready\n'), PATIENCE);
  const missing = await oci.make('create', '--bundle', bundle, '--pidfd-socket', join(bundle, 'none'), id);
  expect(missing).toEqual({ exitCode: 1, message: expect.stringContaining('cannot connect to the pidfd socket') });
  expect(await oci.make('run', '--detach', '--bundle', bundle, '--pidfd-socket', socket, id)).toEqual(MADE);
  const exec = ['exec', '--detach', '--pid-file', pidFile, '--pidfd-socket', socket, id, 'sleep', '1000'];
  expect(await oci.make(...exec)).toEqual(MADE);
  await receiver;
  const { pid } = await oci.state(id);
  expect(told).toBe(`ready\nstandard ${pid}\nsetns ${(await execa('cat', [pidFile])).stdout}\n`);
  await oci.done('delete', '--force', id);
});

/** Has a socket that one client waits at, and no further one can. */
const FULL = `
import socket, sys, time
server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(0)
client.connect(sys.argv[1])
print('ready', flush=True)
time.sleep(1000)
`;

test('the program of an exec begins only when its pidfd has been handed over', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle(SLEEPER);
  expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
  const socket = join(bundle, 'pidfd.sock');
  const holder = execa('python3', ['-c', FULL, socket], { reject: false });
  await once(holder.stdout, 'data');
  const exec = oci.begin('exec', '--pidfd-socket', socket, id, 'sh', '-c', 'echo > /dev/shm/ran; exec sleep 1000');
  await vi.waitFor(
    () => expect(readFileSync(`/proc/${exec.pid}/wchan`, 'utf8')).toMatch(/^unix_(wait_for_peer|stream_connect)/),
    PATIENCE,
  );
  holder.kill('SIGKILL');
  expect(await exec).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('to the pidfd socket') });
  expect(await oci.done('exec', id, 'ls', '/dev/shm')).toBe('');
  await oci.done('delete', '--force', id);
});
