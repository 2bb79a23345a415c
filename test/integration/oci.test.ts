// @module-tag vm
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const SLEEPER = 'exec sleep 1000';
/** What comes of the making of a container. */
const MADE = { exitCode: 0, message: '' };

const groupsOf = (directory: string) =>
  readdirSync(directory).filter((name) => existsSync(join(directory, name, 'cgroup.procs')));

/** Waits until a container has a status. */
const become = (oci: Oci, id: string, status: string) =>
  vi.waitFor(async () => expect((await oci.state(id)).status).toBe(status), PATIENCE);

describe('run', () => {
  test('gives the output and the exit status of the program, and leaves nothing', async ({ oci, niwad }) => {
    const bundle = await oci.bundle('echo out; echo err >&2; cat /proc/self/cgroup; exit 7');
    const { exitCode, stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect([exitCode, stdout.split('\n')[0], stderr]).toEqual([7, 'out', 'err']);
    expect(stdout).toMatch(/^0::\/$/m);
    expect(JSON.parse(await oci.done('list', '--format', 'json'))).toEqual([]);
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });

  test('frees its name as its program ends, while its record is being written', async ({ oci, niwad }) => {
    const [id, bundle] = [oci.id(), await oci.bundle('exit 3')];
    for (let i = 0; i < 20; i++) {
      expect(await oci.run('run', '--bundle', bundle, id)).toMatchObject({ exitCode: 3, stderr: '' });
      expect((await oci.run('state', id)).stderr).toBe(`niwa-oci: container "${id}" does not exist`);
    }
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
    expect(niwad.ledger().filter(({ type, code }) => type === 'final' && code === 3)).toHaveLength(20);
  });

  test('leaves the container with --keep', async ({ oci }) => {
    const id = oci.id();
    await oci.done('run', '--keep', '--bundle', await oci.bundle('true'), id);
    expect((await oci.state(id)).status).toBe('stopped');
    await oci.done('delete', id);
  });

  test('gives 128 and the signal that ended the program', async ({ oci }) => {
    const id = oci.id();
    const ended = oci.run('run', '--bundle', await oci.bundle(SLEEPER), id);
    await become(oci, id, 'running');
    await oci.done('kill', id, 'KILL');
    expect((await ended).exitCode).toBe(137);
  });

  test.for([true, false])(
    'deletes no other container that has its id by now: there is one: %s',
    async (isThere, { oci }) => {
      const id = oci.id();
      // the command of a container with such a hook deletes it
      const bundle = await oci.bundle(SLEEPER, (config) => {
        config.hooks = { poststop: [{ path: '/bin/true' }] };
      });
      const run = oci.begin('run', '--bundle', bundle, id);
      await become(oci, id, 'running');
      try {
        run.kill('SIGSTOP');
        await oci.done('kill', id, 'KILL');
        await become(oci, id, 'stopped');
        await oci.done('delete', id);
        if (isThere) expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
      } finally {
        run.kill('SIGCONT');
      }
      expect(await run).toMatchObject({ exitCode: 137, stderr: '' });
      const left = JSON.parse(await oci.done('list', '--format', 'json'));
      expect(left).toEqual(isThere ? [expect.objectContaining({ id, status: 'created' })] : []);
      await oci.done('delete', '--force', id);
    },
  );

  test('gives the program what the config says, and nothing more', async ({ oci }) => {
    const bundle = await oci.bundle(
      'grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups)" /proc/self/status; id -u; ulimit -n; umask; hostname; ls -a /proc/self/fd; pwd',
      (config) => {
        Object.assign(config.process, {
          cwd: '/new/directory',
          user: { uid: 12, gid: 34, umask: 0o77, additionalGids: [56] },
        });
        config.root = { path: 'rootfs' };
      },
    );
    const lines = (await oci.done('run', '--bundle', bundle, oci.id())).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^CapBnd:\t0000000020000420$/),
        expect.stringMatching(/^CapAmb:\t0{16}$/),
        expect.stringMatching(/^NoNewPrivs:\t1$/),
        expect.stringMatching(/^Groups:\t56 *$/),
        ...['12', '1024', '0077', 'niwa', '/new/directory'],
      ]),
    );
    expect(lines.filter((line) => /^\d$/.test(line))).toEqual(['0', '1', '2', '3']); // 3 is that of ls
  });

  test('shows a terminal where the config asks for one', async ({ oci }) => {
    const bundle = await oci.bundle('tty; test -t 2 && echo yes', (config) => {
      config.process.terminal = true;
    });
    expect(await oci.done('run', '--bundle', bundle, oci.id())).toBe('/dev/pts/0\r\nyes');
  });
});

describe('a container', () => {
  test('lives below the command, waits for its start, and stays until it is deleted', async ({ oci, niwad }) => {
    const id = oci.id();
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.annotations = { 'org.example': 'x' };
    });
    const pidFile = join(bundle, 'pid');
    expect(await oci.make('create', '--bundle', bundle, '--pid-file', pidFile, id)).toEqual(MADE);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(await oci.state(id)).toMatchObject({
      ...{ id, pid, bundle, status: 'created', rootfs: join(bundle, 'rootfs') },
      annotations: { 'org.example': 'x' },
    });
    const [status] = await niwad.client.list();
    expect(status).toMatchObject({ pid, state: 'created', oci: { id, bundle, root: '/run/niwa-oci' } });
    expect(await niwad.client.inspect(status?.id ?? '')).toMatchObject({ oci: { id, bundle } });

    await oci.done('start', id);
    expect(await oci.state(id)).toMatchObject({ status: 'running', pid });
    expect(await oci.done('list')).toMatch(new RegExp(`^${id} +${pid} +running +${bundle} `, 'm'));
    await oci.done('kill', id, '15'); // a shell that is the init does not handle it: the kernel drops it
    expect(await oci.state(id)).toMatchObject({ status: 'running' });
    await oci.done('kill', id, 'SIGKILL');
    await become(oci, id, 'stopped');
    expect(await oci.state(id)).toMatchObject({ status: 'stopped', pid: 0 });
    await oci.done('delete', id);
    expect((await oci.run('state', id)).stderr).toBe(`niwa-oci: container "${id}" does not exist`);
    expect(await niwad.client.list()).toEqual([]);
  });

  test('is in the ledger with its exit status, though another process reaps it', async ({ oci, niwad }) => {
    const id = oci.id();
    expect(await oci.make('create', '--bundle', await oci.bundle('exit 9'), id)).toEqual(MADE);
    const [{ id: own = '' } = {}] = await niwad.client.list();
    await oci.done('start', id);
    await become(oci, id, 'stopped');
    await oci.done('delete', id);
    expect(niwad.ledger().find((record) => record.id === own && record.type === 'final')).toMatchObject({
      code: 9,
      reason: 'exited',
    });
  });

  test('ends at the lifetime of its annotation', async ({ oci, niwad }) => {
    const id = oci.id();
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.annotations = { 'dev.niwa.lifetime': '300ms' };
    });
    expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
    await become(oci, id, 'stopped');
    await vi.waitFor(
      async () => expect((await niwad.client.list())[0]?.exit).toMatchObject({ reason: 'lifetime' }),
      PATIENCE,
    );
    await oci.done('delete', id);
  });

  test('has a name of its own in each --root', async ({ oci }) => {
    const id = 'x'.repeat(1024);
    const bundle = await oci.bundle(SLEEPER);
    const roots = [
      ['--root', '/a'],
      ['--root', '/b'],
    ] as const;
    for (const root of roots) expect(await oci.make(...root, 'create', '--bundle', bundle, id)).toEqual(MADE);
    expect((await oci.make('--root', '/a', 'create', '--bundle', bundle, id)).message).toContain('already exists');
    await oci.done('--root', '/a', 'delete', '--force', id);
    expect((await oci.run('--root', '/a', 'state', id)).exitCode).toBe(1);
    expect(JSON.parse(await oci.done('--root', '/b', 'state', id)).status).toBe('created');
    await oci.done('--root', '/b', 'delete', '--force', id);
  });
});

describe('a refusal', () => {
  test.for([
    ['no-such-program', 'exec: "no-such-program": executable file not found in $PATH'],
    ['/no/such', 'exec: "/no/such": stat /no/such: no such file or directory'],
    ['/proc/version', 'exec: "/proc/version": permission denied'],
    ['/usr', 'exec: "/usr": permission denied'],
  ])(
    'to execute %s has the words that engines look for, at the create',
    async ([program = '', words], { oci, niwad }) => {
      const bundle = await oci.bundle('', (config) => {
        config.process.args = [program];
      });
      expect(await oci.make('create', '--bundle', bundle, oci.id())).toEqual({ exitCode: 1, message: words });
      expect(await niwad.client.list()).toEqual([]);
    },
  );

  test('of a field that is not built names it, and makes nothing', async ({ oci, niwad }) => {
    const bundle = await oci.bundle('true', (config) => {
      config.linux.intelRdt = { closID: 'x' };
    });
    const { exitCode, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect([exitCode, stderr]).toEqual([
      1,
      'niwa-oci: linux.intelRdt: niwa-oci does not support it (it could be tried on no machine)',
    ]);
    expect(await niwad.client.list()).toEqual([]);
  });

  test('of a verb says what is wrong', async ({ oci }) => {
    const id = oci.id();
    expect(await oci.make('run', '--detach', '--bundle', await oci.bundle(SLEEPER), id)).toEqual(MADE);
    const words = async (...args: string[]) => (await oci.run(...args)).stderr.replace('niwa-oci: ', '');
    expect(await words('delete', id)).toBe(
      `cannot delete container ${id} that is not stopped: running; --force ends it`,
    );
    expect(await words('start', id)).toBe('cannot start a container that has been started: running');
    expect(await words('kill', id, 'NONE')).toBe(
      'unknown signal "NONE"; it is a name such as TERM, or a number up to 64',
    );
    await oci.done('kill', id, '9');
    await become(oci, id, 'stopped');
    expect(await words('kill', id, '9')).toBe('container not running: process already finished');
    expect(await words('start', id)).toBe('cannot start a container that has stopped: stopped');
    await oci.done('delete', '--force', id);
    await oci.done('delete', '--force', id);
    expect(await words('delete', id)).toBe(`container "${id}" does not exist`);
  });

  test('where no niwad listens says how to start it', async ({ oci }) => {
    const { stderr } = await oci.run('--niwad', '/no/such', 'state', 'x');
    expect(stderr).toMatch(/^niwa-oci: cannot reach niwad on \/no\/such: there is no such socket; start it/);
    expect(stderr).not.toContain('no such file'); // podman would say that the program is missing, and end with 127
  });
});

test('a command that ends before its process is handed over leaves nothing', async ({ oci, niwad }) => {
  const bundle = await oci.bundle('true', (config) => {
    config.process.terminal = true;
  });
  // the process is there already when the command cannot connect to the console socket
  const made = await oci.make('create', '--bundle', bundle, '--console-socket', join(bundle, 'missing'), oci.id());
  expect(made).toEqual({ exitCode: 1, message: expect.stringContaining('cannot connect to the console socket') });
  await vi.waitFor(() => expect(groupsOf(niwad.containers)).toEqual([]), PATIENCE);
  expect(await niwad.client.list()).toEqual([]);
});

test('a create whose terminal cannot be handed over leaves the id free when it ends', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle('true', (config) => {
    config.process.terminal = true;
  });
  for (let round = 0; round < 10; round++) {
    const made = await oci.make('create', '--bundle', bundle, '--console-socket', join(bundle, 'missing'), id);
    expect(made.message).toContain('cannot connect to the console socket');
  }
});

test('a signal ends a run that has not made its container yet, and nothing is left', async ({ oci, niwad }) => {
  const bundle = await oci.bundle('true', (config) => {
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'touch paused; exec sleep 1000'] }] };
  });
  const run = oci.begin('run', '--bundle', bundle, oci.id());
  await vi.waitFor(() => expect(existsSync(join(bundle, 'paused'))).toBe(true), PATIENCE);
  run.kill('SIGTERM');
  const ended = await Promise.race([run, new Promise((resolve) => setTimeout(resolve, PATIENCE.timeout, {}))]);
  run.kill('SIGKILL');
  expect(ended).toMatchObject({ signal: 'SIGTERM' });
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
});

test('a pid file that cannot be written undoes the container', async ({ oci, niwad }) => {
  const bundle = await oci.bundle(SLEEPER);
  const made = await oci.make('create', '--bundle', bundle, '--pid-file', join(bundle, 'no/pid'), oci.id());
  expect(made).toEqual({
    exitCode: 1,
    message: expect.stringMatching(/^cannot write the pid file .*no\/pid: no such/),
  });
  expect(await niwad.client.list()).toEqual([]);
});

test('a program whose pid file cannot be written does not begin', async ({ oci }) => {
  const bundle = await oci.bundle('touch /ran; exec sleep 1000', (config) => {
    config.root = { path: 'rootfs' };
  });
  const unwritable = ['--pid-file', bundle]; // a directory
  const refused = { exitCode: 1, message: expect.stringMatching(/^cannot write the pid file .*: is a directory/) };
  expect(await oci.make('run', '--detach', '--bundle', bundle, ...unwritable, oci.id())).toEqual(refused);
  expect(existsSync(join(bundle, 'rootfs/ran'))).toBe(false);
  const id = oci.id();
  expect(await oci.make('create', '--bundle', bundle, id)).toEqual({ exitCode: 0, message: '' });
  expect(await oci.make('exec', ...unwritable, id, 'touch', '/ran')).toEqual({ ...refused, exitCode: 255 });
  expect(existsSync(join(bundle, 'rootfs/ran'))).toBe(false);
  await oci.done('delete', '--force', id);
});

test.for(['SIGHUP', 'SIGINT', 'SIGTERM'] as const)(
  '%s, before the pid file is in its place, leaves no other file',
  async (signal, { oci }) => {
    const id = oci.id();
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.hooks = { poststart: [{ path: '/bin/sh', args: ['sh', '-c', 'touch begun; exec sleep 1000'] }] };
    });
    const pidFiles = () => readdirSync(bundle).filter((name) => name.startsWith('pid'));
    const words = ['--niwad', oci.socket, 'run', '--detach', '--bundle', bundle, '--pid-file', join(bundle, 'pid'), id];
    const run = execa(NIWA_OCI, words, { reject: false, stdio: 'ignore' });
    await vi.waitFor(() => expect(existsSync(join(bundle, 'begun'))).toBe(true), PATIENCE);
    expect(pidFiles()).toEqual([`pid.${run.pid}`]);
    run.kill(signal);
    expect(await run).toMatchObject({ signal });
    expect(pidFiles()).toEqual([]);
    await oci.done('delete', '--force', id);
  },
);

test('only root may speak to niwad', ({ niwad }) => {
  expect(statSync(join(niwad.place.runDir, 'oci.sock')).mode & 0o777).toBe(0o600);
});
