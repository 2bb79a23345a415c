// @module-tag vm
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { PATIENCE, scaled } from './support/host.js';
import { isAlive, type Niwad } from './support/niwad.js';
import { type BundleConfig, NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const MADE = { exitCode: 0, message: '' };

/** Receives a terminal at a socket, and prints what comes from it up to the word end. */
const CONSOLE = `
import array, os, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1] + '.new')
listening.listen(1)
os.rename(sys.argv[1] + '.new', sys.argv[1])
_, rights, _, _ = listening.accept()[0].recvmsg(64, socket.CMSG_SPACE(4))
terminal, text = array.array('i', rights[0][2])[0], b''
while b'end' not in text: text += os.read(terminal, 100)
sys.stdout.write(text.decode())`;

/** A container that sleeps; `id` is its name, and `pid` its first process. */
interface Sleeper {
  id: string;
  pid: number;
}

const sleeperOf = async (oci: Oci, change?: (config: BundleConfig) => void): Promise<Sleeper> => {
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000', change);
  expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
  return { id, pid: (await oci.state(id)).pid };
};

const test = base
  .extend('oci', ({ niwad }) => new Oci(niwad))
  .extend('sleeper', async ({ oci }, { onCleanup }) => {
    const sleeper = await sleeperOf(oci);
    onCleanup(async () => {
      await oci.done('delete', '--force', sleeper.id);
    });
    return sleeper;
  });

const pidsOf = async (oci: Oci, id: string): Promise<number[]> =>
  JSON.parse(await oci.done('ps', '--format', 'json', id));

/** The id in niwad of a container of an engine. */
const ownId = async (niwad: Niwad, id: string): Promise<string> =>
  (await niwad.client.list()).find(({ oci }) => oci?.id === id)?.id ?? '';

/** Executes a program that goes on without the command. Gives its pid. */
const detach = async (oci: Oci, { id }: Sleeper, directory: string): Promise<number> => {
  const pidFile = join(directory, `pid-${oci.id()}`);
  expect(await oci.make('exec', '--detach', '--pid-file', pidFile, id, 'sleep', '1000')).toEqual(MADE);
  return Number(readFileSync(pidFile, 'utf8'));
};

describe('exec', () => {
  test('gives the output and the exit status of the program, and passes words on as they are', async ({
    oci,
    sleeper,
  }) => {
    const { exitCode, stdout, stderr } = await oci.run(
      'exec',
      sleeper.id,
      'sh',
      '-c',
      'echo "$1"; echo b >&2; exit 7',
      'x',
      '-t a',
    );
    expect([exitCode, stdout, stderr]).toEqual([7, '-t a', 'b']);
    expect((await oci.run('exec', sleeper.id, 'sh', '-c', 'kill -9 $$')).exitCode).toBe(137);
    expect(await pidsOf(oci, sleeper.id)).toEqual([sleeper.pid]);
  });

  test('is in the namespaces, the group and the rights of the container, and has no other descriptors', async ({
    oci,
  }) => {
    const sleeper = await sleeperOf(oci, (config) => {
      const refused = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 5 };
      (config.linux.namespaces as object[]).push({ type: 'time' });
      config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refused] };
    });
    const script = `cat /proc/1/comm; for of in 1 self; do
      for ns in cgroup ipc mnt net pid time uts; do readlink /proc/$of/ns/$ns; done
      cat /proc/$of/cgroup; grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups|Uid)" /proc/$of/status; grep files /proc/$of/limits
    done; ls /proc/self/fd`;
    const lines = (await oci.done('exec', sleeper.id, 'sh', '-c', script)).split('\n');
    const [name, ...rest] = lines.slice(0, -4);
    expect(name).toBe('sleep');
    expect(rest.slice(0, rest.length / 2)).toEqual(rest.slice(rest.length / 2));
    expect(rest).toEqual(expect.arrayContaining([expect.stringMatching(/^pid:/), '0::/', 'Seccomp:\t2']));
    expect(lines.slice(-4)).toEqual(['0', '1', '2', '3']); // 3 is that of ls
    expect((await oci.run('exec', sleeper.id, 'mkdir', '/x')).stderr).toContain('Input/output error');
    await oci.done('delete', '--force', sleeper.id);
  });

  test('is in the group of the first process where the container has divided its own', async ({
    oci,
    niwad,
    sleeper: { id, pid },
    skip,
  }) => {
    skip(!niwad.divide(await ownId(niwad, id), pid), 'needs a controller of cgroup v2');
    expect(await oci.done('exec', id, 'grep', '^0:', '/proc/self/cgroup')).toBe('0::/init');
  });

  test('does what its options say', async ({ oci, sleeper }) => {
    const options = ['--user', '12:34', '--additional-gids', '56', '--env', 'A=1', '--env', 'A=2', '--cwd', '/usr/bin'];
    const script = 'id -u; id -G; echo $A; pwd; grep ^CapBnd /proc/self/status';
    const out = await oci.done('exec', ...options, '--cap', 'CAP_CHOWN', sleeper.id, 'sh', '-c', script);
    expect(out.split('\n')).toEqual(['12', '34 56', '2', '/usr/bin', 'CapBnd:\t0000000020000421']);
  });

  test('takes the process of a file', async ({ oci, sleeper, niwad }) => {
    const file = join(niwad.place.files, 'process.json');
    const args = ['sh', '-c', 'id -u; echo $A; grep ^CapBnd /proc/self/status'];
    writeFileSync(file, JSON.stringify({ args, cwd: '/', env: ['A=1'], user: { uid: 5, gid: 6 } }));
    const out = await oci.done('exec', '--process', file, sleeper.id);
    expect(out.split('\n')).toEqual(['5', '1', 'CapBnd:\t0000000020000420']);
  });

  test('makes a terminal', async ({ oci, sleeper }) => {
    expect(await oci.done('exec', '--tty', sleeper.id, 'sh', '-c', 'tty; test -t 2 && echo yes')).toBe(
      '/dev/pts/0\r\nyes',
    );
    const { exitCode, stderr } = await oci.run('exec', '--tty', '--detach', sleeper.id, 'sh');
    expect(exitCode).toBe(255);
    expect(stderr).toContain('cannot allocate tty if runc will detach without setting console socket');
  });

  test('ends with its program, though another process has the terminal and writes on', async ({ oci, sleeper }) => {
    const slowly = "python3 -c 'import os, time\nwhile os.read(0, 4096): time.sleep(0.02)'";
    const words = [NIWA_OCI, '--niwad', oci.socket, 'exec', '--tty', sleeper.id];
    const script = ['sh', '-c', 'trap "" HUP; yes & sleep 0.1; exit 3'];
    const args = ['-c', `{ "$@"; echo $? >&2; } | ${slowly}`, 'sh', ...words, ...script];
    const { stderr } = await execa('sh', args, { stdin: 'ignore', reject: false, timeout: scaled(20_000) });
    expect(stderr).toBe('3');
  });

  test('sends its terminal to a console socket', async ({ oci, sleeper, niwad }) => {
    const socket = join(niwad.place.files, 'console');
    const console = execa('python3', ['-c', CONSOLE, socket]);
    await vi.waitFor(() => expect(existsSync(socket)).toBe(true), PATIENCE);
    const program = ['sh', '-c', 'sleep 0.1; tty; echo end; sleep 1000'];
    const options = ['--tty', '--detach', '--console-socket', socket];
    expect(await oci.make('exec', ...options, sleeper.id, ...program)).toEqual(MADE);
    expect((await console).stdout).toBe('/dev/pts/0\r\nend');
  });

  test('works before the start, too', async ({ oci }) => {
    const id = oci.id();
    expect(await oci.make('create', '--bundle', await oci.bundle('exec sleep 1000'), id)).toEqual(MADE);
    expect(await oci.done('exec', id, 'cat', '/proc/1/comm')).toBe('niwa-boot');
    await oci.done('delete', '--force', id);
  });

  test('ends with the container', async ({ oci, niwad }) => {
    const sleeper = await sleeperOf(oci);
    const pid = await detach(oci, sleeper, niwad.place.files);
    expect(await pidsOf(oci, sleeper.id)).toEqual([sleeper.pid, pid]);
    await oci.done('kill', sleeper.id, 'KILL');
    await vi.waitFor(async () => expect((await oci.state(sleeper.id)).status).toBe('stopped'), PATIENCE);
    await oci.done('delete', sleeper.id);
    expect(isAlive(pid)).toBe(false);
  });

  test.for([
    ['no-such-program', 'exec: "no-such-program": executable file not found in $PATH'],
    ['/no/such', 'exec: "/no/such": stat /no/such: no such file or directory'],
    ['/proc/version', 'exec: "/proc/version": permission denied'],
  ] as const)('of %s ends with 255, in the words that engines look for', async ([program, words], { oci, sleeper }) => {
    expect(await oci.make('exec', sleeper.id, program)).toEqual({ exitCode: 255, message: words });
    expect(await pidsOf(oci, sleeper.id)).toEqual([sleeper.pid]);
  });

  test('that cannot be made ends with 255, says why, and leaves nothing', async ({ oci, sleeper, niwad }) => {
    const { id, pid } = sleeper;
    const failed = async (...args: string[]) => {
      const { exitCode, message } = await oci.make('exec', ...args);
      return `${exitCode} ${message}`;
    };
    expect(await failed('none', 'true')).toBe('255 container "none" does not exist');
    expect(await failed('--cwd', '/none', id, 'true')).toMatch(/^255 .*chdir to \/none.*no such file or directory/);
    expect(await failed('--process', '/none', id)).toBe('255 open /none: no such file or directory');
    expect(await failed('--tty', '--console-socket', '/none', id, 'true')).toMatch(
      /^255 cannot connect to the console/,
    );
    await vi.waitFor(async () => expect(await pidsOf(oci, id)).toEqual([pid]), PATIENCE);

    await niwad.client.pause(await ownId(niwad, id));
    expect(await failed(id, 'true')).toBe('255 cannot exec in a paused container');
    await oci.done('kill', id, 'KILL');
    await vi.waitFor(async () => expect((await oci.state(id)).status).toBe('stopped'), PATIENCE);
    expect(await failed(id, 'true')).toBe('255 cannot exec in a stopped container');
  });
});

test('kill --all reaches all processes of the container, also those in groups below', async ({ oci, niwad }) => {
  const sleeper = await sleeperOf(oci);
  const { id } = sleeper;
  const pid = await detach(oci, sleeper, niwad.place.files);
  const below = join(niwad.containers, await ownId(niwad, id), 'below');
  mkdirSync(below);
  writeFileSync(join(below, 'cgroup.procs'), String(pid));
  await oci.done('kill', id, 'TERM');
  expect(await pidsOf(oci, id)).toEqual([sleeper.pid, pid]);
  await oci.done('kill', '--all', id, 'TERM'); // the kernel drops it for the init, which does not handle it
  await vi.waitFor(async () => expect(await pidsOf(oci, id)).toEqual([sleeper.pid]), PATIENCE);
  await oci.done('kill', '--all', id, 'KILL');
  await vi.waitFor(async () => expect((await oci.state(id)).status).toBe('stopped'), PATIENCE);
  await oci.done('kill', '--all', id, 'KILL');
  await oci.done('delete', id);
});

test('ps shows the processes of the container, in the columns of ps', async ({ oci, sleeper }) => {
  const { id, pid } = sleeper;
  const [heading, ...lines] = (await oci.done('ps', id)).split('\n');
  expect(heading).toMatch(/^UID +PID +PPID/);
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^root +${pid} .*sleep 1000$`))]);
  expect((await oci.done('ps', id, '-A', '-o', 'comm,pid')).split('\n').slice(1)).toEqual([
    expect.stringMatching(new RegExp(`^sleep +${pid}$`)),
  ]);
  expect((await oci.run('ps', id, '-A', '-o', 'comm')).stderr).toContain('ps shows no column PID');
  expect((await oci.run('ps', '--format', 'xml', id)).stderr).toContain('invalid format option');
});
