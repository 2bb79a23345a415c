import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { PATIENCE, SLOWNESS } from './support/host.js';
import { isAlive } from './support/niwad.js';
import { type BundleConfig, NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const LONG = { timeout: 90_000 * SLOWNESS };
const MADE = { exitCode: 0, message: '' };
const POINTS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];
const OUTSIDE = ['prestart', 'createRuntime', 'poststart', 'poststop'];

const shell = (script: string, more: object = {}) => ({ path: '/bin/sh', args: ['sh', '-c', script], ...more });
/** Gives the change of a config that has hooks. */
const withHooks = (hooks: object) => (config: BundleConfig) => {
  Object.assign(config, { hooks, annotations: { 'org.example': 'x' } });
};
const readLines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []);

describe('hooks', () => {
  test('run at their points in their order, with the state', async ({ oci }) => {
    const id = oci.id();
    const bundle = await oci.bundle('exec sleep 1000', (config) => {
      const note = (point: string) => [
        shell(`echo "${point} $(cat) $(readlink /proc/self/ns/uts) $PWD" >> notes; test $A = b`, { env: ['A=b'] }),
      ];
      config.mounts.push({ destination: '/notes', type: 'bind', source: '.', options: ['bind'] });
      Object.assign(config.process, { cwd: '/notes' });
      withHooks(Object.fromEntries(POINTS.map((point) => [point, note(point)])))(config);
    });
    const notes = () =>
      readLines(join(bundle, 'notes')).map((line) => {
        const [, point, state = '', space, directory] = /^(\w+) (\{.*\}) (\S+) (\S+)$/.exec(line) ?? [];
        return { point, state: JSON.parse(state), space, directory };
      });
    expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
    const { pid } = await oci.state(id);
    const common = { ociVersion: '1.3.0', id, bundle, annotations: { 'org.example': 'x' } };
    expect(notes().map(({ point, state }) => [point, state])).toEqual([
      ['prestart', { ...common, status: 'creating', pid }],
      ['createRuntime', { ...common, status: 'creating', pid }],
      ['createContainer', { ...common, status: 'creating', pid: 1 }],
    ]);
    await oci.done('start', id);
    await oci.done('delete', '--force', id);
    expect(
      notes()
        .slice(3)
        .map(({ point, state }) => [point, state]),
    ).toEqual([
      ['startContainer', { ...common, status: 'created', pid: 1 }],
      ['poststart', { ...common, status: 'running', pid }],
      ['poststop', { ...common, status: 'stopped', pid: 0 }],
    ]);
    const spaces = new Set(notes().flatMap(({ point, space }) => (OUTSIDE.includes(point ?? '') ? [space] : [])));
    expect(spaces.size).toBe(1);
    expect(notes().map(({ directory }) => directory)).toEqual([bundle, bundle, bundle, '/notes', bundle, bundle]);
  });

  test('have the environment that they name, else that of the command or of the program', async ({ oci }) => {
    const variables = `tr '\\0' '\\n' < /proc/$$/environ | grep -v ^PWD= | sort | tr '\\n' ' ' >> notes; echo >> notes`;
    const bundle = await oci.bundle('true', (config) => {
      config.mounts.push({ destination: '/notes', type: 'bind', source: '.', options: ['bind'] });
      Object.assign(config.process, { cwd: '/notes', env: ['PATH=/usr/bin', 'P=q'] });
      withHooks({
        prestart: [shell(variables), shell(variables, { env: [] }), shell(variables, { env: ['A=b'] })],
        startContainer: [{ path: '/usr/bin/env', args: ['env', 'sh', '-c', 'echo $P >> notes'] }],
      })(config);
    });
    await oci.done('run', '--bundle', bundle, oci.id());
    const [own, none, named, ofProgram] = readLines(join(bundle, 'notes')).map((line) => line.trim());
    expect(own).toMatch(/NIWA_OCI_SOCKET=\S+ .*PATH=/);
    expect([none, named, ofProgram]).toEqual(['', 'A=b', 'q']);
  });

  test('mount in the root: by the mount namespace of the container, and in it', async ({ oci }) => {
    const bundle = await oci.bundle('cat /a/x /b/x', (config) => {
      config.root = { path: 'rootfs' };
      const enter = `nsenter --mount --target "$(grep -o '"pid":[0-9]*' | tail -c +7)"`;
      withHooks({
        createRuntime: [shell(`${enter} mount --bind "$PWD/from-a" "$PWD/rootfs/a"`)],
        createContainer: [shell('test -e rootfs/proc/self && mount --bind from-b rootfs/b')],
      })(config);
    });
    for (const name of ['a', 'b']) {
      mkdirSync(join(bundle, `from-${name}`));
      mkdirSync(join(bundle, 'rootfs', name));
      writeFileSync(join(bundle, `from-${name}`, 'x'), name);
    }
    expect(await oci.done('run', '--bundle', bundle, oci.id())).toBe('ab');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bundle);
  });

  test('of the container have its rights and its filter, and no descriptor beside their streams', async ({ oci }) => {
    const status = 'grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status';
    const bundle = await oci.bundle(status, (config) => {
      config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['sync'], action: 'SCMP_ACT_ERRNO' }],
      };
      withHooks({
        createContainer: [shell('ls /proc/self/fd >&2')],
        startContainer: [shell(`${status} >&2; ls /proc/self/fd >&2`)],
      })(config);
    });
    const { stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect(stdout).toContain('Seccomp:\t2');
    expect(stderr).toBe(`0\n1\n2\n3\n${stdout}\n0\n1\n2\n3`);
  });
});

describe('a hook that fails', () => {
  test.for(POINTS.slice(0, -1))('at %s ends the run, and all is undone', async (point, { oci, niwad }) => {
    const bundle = await oci.bundle('touch ran', (config) => {
      config.mounts.push({ destination: '/notes', type: 'bind', source: '.', options: ['bind'] });
      Object.assign(config.process, { cwd: '/notes' });
      const failing = shell('echo it is broken >&2; exit 3');
      withHooks({ [point]: [{ path: '/bin/true' }, failing], poststop: [shell('cat > stopped')] })(config);
    });
    const { exitCode, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`error running ${point} hook #1: `)]);
    expect(stderr).toMatch(/(exit code|exit status) 3/);
    expect(stderr).toContain('it is broken');
    expect(JSON.parse(readFileSync(join(bundle, 'stopped'), 'utf8'))).toMatchObject({ status: 'stopped', pid: 0 });
    if (point !== 'poststart') expect(existsSync(join(bundle, 'ran'))).toBe(false);
    expect(await niwad.client.list()).toEqual([]);
    expect(JSON.parse(await oci.done('list', '--format', 'json'))).toEqual([]);
  });

  test('at the end is in the log, and the container is deleted', async ({ oci, niwad }) => {
    const id = oci.id();
    const hooks = { poststop: [{ path: '/no/such' }, shell('touch ran')] };
    const bundle = await oci.bundle('true', withHooks(hooks));
    expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
    const { exitCode, message } = await oci.make('delete', '--force', id);
    expect([exitCode, message]).toEqual([
      0,
      'error running poststop hook #0: the poststop hook failed with exit code 127: /no/such, which wrote: cannot execute it: no such file or directory',
    ]);
    expect(existsSync(join(bundle, 'ran'))).toBe(true);
    expect(await niwad.client.list()).toEqual([]);
  });

  test.for(['createRuntime', 'createContainer', 'startContainer'])(
    'at %s by taking too long is killed with what it began',
    async (point, { oci, niwad }) => {
      const bundle = await oci.bundle('true', (config) => {
        config.mounts.push({ destination: '/notes', type: 'bind', source: '.', options: ['bind'] });
        Object.assign(config.process, { cwd: '/notes' });
        withHooks({ [point]: [shell('sleep 1234.5 & sleep 1234.5', { timeout: 1 })] })(config);
      });
      const { exitCode, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`error running ${point} hook #0: `)]);
      expect(stderr).toMatch(/took longer than/);
      expect(await niwad.client.list()).toEqual([]);
      await vi.waitFor(() => expect(processesWith('1234.5')).toEqual([]), PATIENCE);
    },
  );
});

/** More than niwad makes or starts at once where a path of the host may hang. */
const MANY = 7;

test('hooks that hang hold no other container, and end with their commands', async ({ oci, niwad }) => {
  const bundle = await oci.bundle('true', withHooks({ prestart: [shell('echo $$ >> pids; exec sleep 1000')] }));
  const pids = () => readLines(join(bundle, 'pids')).map(Number);
  const commands = Array.from({ length: MANY }, () => oci.begin('create', '--bundle', bundle, oci.id()));
  await vi.waitFor(() => expect(pids()).toHaveLength(MANY), PATIENCE);
  expect(await oci.done('run', '--bundle', await oci.bundle('echo runs'), oci.id())).toBe('runs');
  for (const command of commands) command.kill('SIGKILL');
  await Promise.all(commands);
  await vi.waitFor(() => expect(pids().filter(isAlive)).toEqual([]), PATIENCE);
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
});

test('hooks of starts take longer than a boot, and hold no other container', LONG, async ({ oci }) => {
  const bundle = await oci.bundle('echo runs', (config) => {
    config.mounts.push({ destination: '/notes', type: 'bind', source: '.', options: ['bind'] });
    withHooks({ startContainer: [shell('echo begun >> /notes/begun; sleep 16; echo ended >> /notes/ended')] })(config);
  });
  const noted = (name: string) => readLines(join(bundle, name));
  const runs = Array.from({ length: MANY }, () => oci.done('run', '--bundle', bundle, oci.id()));
  await vi.waitFor(() => expect(noted('begun')).toHaveLength(MANY), PATIENCE);
  expect(await oci.done('run', '--bundle', await oci.bundle('echo others'), oci.id())).toBe('others');
  expect(noted('ended')).toEqual([]);
  expect(await Promise.all(runs)).toEqual(Array(MANY).fill('runs'));
});

test('nobody waits for what a hook leaves behind', async ({ oci }) => {
  const bundle = await oci.bundle('true', withHooks({ prestart: [shell('sleep 1000 & echo $! > pid')] }));
  await oci.done('run', '--bundle', bundle, oci.id());
  const pid = Number(readLines(join(bundle, 'pid'))[0]);
  expect(isAlive(pid)).toBe(true);
  process.kill(pid);
});

test('hooks at the end run also where niwa removes the container', async ({ oci, niwad }) => {
  const file = join(niwad.place.files, 'stopped');
  const hook = { path: '/bin/sh', args: ['sh', '-c', `echo $A $PWD > ${file}; cat >> ${file}`], env: ['A=b'] };
  const bundle = await oci.bundle('true', withHooks({ poststop: [hook] }));
  expect(await oci.make('create', '--bundle', bundle, oci.id())).toEqual(MADE);
  const [status] = await niwad.client.list();
  await niwad.client.remove(status?.id ?? '', { force: true });
  await vi.waitFor(() => expect(readLines(file)).toHaveLength(2), PATIENCE);
  const [variable, state = ''] = readLines(file);
  expect([variable, JSON.parse(state)]).toEqual([
    `b ${bundle}`,
    expect.objectContaining({ status: 'stopped', bundle }),
  ]);
});

describe('hooks at the end run once', () => {
  /** Gives hooks at the end that write into a file, and what they have written. */
  const noting = (directory: string, name: string) => {
    const file = join(directory, name);
    return { hook: shell(`echo ran >> ${file}`), notes: () => readLines(file) };
  };

  test('where their command ends meanwhile', async ({ oci, niwad }) => {
    const id = oci.id();
    const { hook, notes } = noting(niwad.place.files, 'last-of-ended');
    const pidFile = join(niwad.place.files, 'pid-of-hook');
    const hanging = shell(`test -e ${pidFile} || { echo $$ > ${pidFile}; exec sleep 1000; }`);
    const bundle = await oci.bundle('true', withHooks({ poststop: [hook, hanging, hook] }));
    expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
    const command = oci.begin('delete', id);
    await vi.waitFor(() => expect(readLines(pidFile)).toHaveLength(1), PATIENCE);
    command.kill('SIGKILL');
    await command;
    await vi.waitFor(() => expect(notes()).toEqual(['ran', 'ran']), PATIENCE);
    expect(isAlive(Number(readLines(pidFile)[0]))).toBe(false);
  });

  test('where the command of a create is killed', async ({ oci, niwad }) => {
    const { hook, notes } = noting(niwad.place.files, 'last-of-killed');
    const prestart = [shell('touch begun; exec sleep 1000')];
    const bundle = await oci.bundle('true', withHooks({ prestart, poststop: [hook] }));
    const command = oci.begin('create', '--bundle', bundle, oci.id());
    await vi.waitFor(() => expect(existsSync(join(bundle, 'begun'))).toBe(true), PATIENCE);
    command.kill('SIGKILL');
    await command;
    await vi.waitFor(() => expect(notes()).toEqual(['ran']), PATIENCE);
  });

  test('where several remove the container at once', async ({ oci, niwad }) => {
    const { hook, notes } = noting(niwad.place.files, 'last-of-many');
    const bundle = await oci.bundle('exec sleep 1000', withHooks({ poststop: [hook] }));
    const rounds = 10;
    for (let i = 0; i < rounds; i++) {
      const id = oci.id();
      expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
      const [status] = await niwad.client.list();
      const removed = [niwad.client.remove(status?.id ?? '', { force: true }), oci.run('delete', '--force', id)];
      await Promise.allSettled([...removed, oci.run('delete', '--force', id)]);
    }
    await vi.waitFor(() => expect(notes()).toHaveLength(rounds), PATIENCE);
  });
});

test('the engine starts a container, with its hooks, and nobody else', async ({ oci, niwad }) => {
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000', withHooks({ poststart: [shell('touch began')] }));
  expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
  const [status] = await niwad.client.list();
  await expect(niwad.client.start(status?.id ?? '')).rejects.toThrow('its container engine starts it');
  expect(await oci.state(id)).toMatchObject({ status: 'created' });
  await oci.done('start', id);
  expect(existsSync(join(bundle, 'began'))).toBe(true);
  await oci.done('delete', '--force', id);
});

test('a container goes on where its start is killed during its hooks, and the log says so', async ({ oci, niwad }) => {
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000', withHooks({ poststart: [shell('touch begun; sleep 1000')] }));
  expect(await oci.make('create', '--bundle', bundle, id)).toEqual(MADE);
  const command = oci.begin('start', id);
  await vi.waitFor(() => expect(existsSync(join(bundle, 'begun'))).toBe(true), PATIENCE);
  command.kill('SIGKILL');
  await command;
  await vi.waitFor(() => expect(niwad.log).toContain('before all poststart hooks of a container had run'), PATIENCE);
  expect(await oci.state(id)).toMatchObject({ status: 'running' });
  await oci.done('delete', '--force', id);
});

test('a container that is being made has a state, and its delete waits', async ({ oci, niwad }) => {
  const id = oci.id();
  const hook = shell('cat > new; mv new state; until test -e go; do sleep 0.05; done');
  const bundle = await oci.bundle('exec sleep 1000', withHooks({ createRuntime: [hook] }));
  const made = oci.make('create', '--bundle', bundle, id);
  await vi.waitFor(() => expect(readLines(join(bundle, 'state'))).toHaveLength(1), PATIENCE);
  const { pid } = JSON.parse(readFileSync(join(bundle, 'state'), 'utf8'));
  expect(await oci.state(id)).toMatchObject({ id, status: 'creating', pid, bundle });
  expect((await oci.run('kill', id)).stderr).toContain('is still being created');
  const deleted = oci.done('delete', '--force', id);
  const first = await Promise.race([deleted, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
  expect(first).toBe('waits');
  writeFileSync(join(bundle, 'go'), '');
  expect(await made).toEqual(MADE);
  await deleted;
  expect((await oci.run('state', id)).stderr).toContain('does not exist');
  expect(await niwad.client.list()).toEqual([]);
});

test.for(['createContainer', 'poststop'])(
  'a hook %s of a create, alone, gets its answer to `state` at once',
  async (point, { oci }) => {
    const id = oci.id();
    const script = `date +%s%N > asked; ${NIWA_OCI} --niwad ${oci.socket} state ${id} > told; date +%s%N > answered`;
    const bundle = await oci.bundle('true', (config) => {
      withHooks({ [point]: [shell(script, { env: [`PATH=${process.env.PATH}`] })] })(config);
      if (point === 'poststop') config.mounts.push({ destination: '/x', source: '/no/such', options: ['bind'] }); // it fails
    });
    await oci.make('create', '--bundle', bundle, id);
    const told = readFileSync(join(bundle, 'told'), 'utf8');
    expect(JSON.parse(told)).toMatchObject({ id, status: 'creating', pid: 0 });
    const [asked = 0, answered = 0] = ['asked', 'answered'].map(
      (name) => Number(readLines(join(bundle, name))[0]) / 1e6,
    );
    expect(answered - asked).toBeLessThan(1500);
    await oci.run('delete', '--force', id);
  },
);

/** The processes that have an argument. */
function processesWith(argument: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(argument);
    } catch {
      return false; // it has ended
    }
  });
}
