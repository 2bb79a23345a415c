import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { PATIENCE, SLOWNESS, scaled } from './support/host.js';
import { raw } from './support/http.js';
import { isAlive, NIWA, type Niwad, ticksOf } from './support/niwad.js';
import { collect, execSh, says } from './support/session.js';
import { GROUP, test } from './support/test.js';
import { asUser } from './support/user.js';

const NAMESPACES = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'user'];
const shell = (script: string) => ({ args: ['sh', '-c', script] });

let made = 0;

/** Starts a container that only waits. */
async function sleeper(niwad: Niwad, spec: Partial<SpecInput> = {}): Promise<{ id: string; pid: number }> {
  const id = `exec-${process.pid}-${++made}`;
  const { pid } = await niwad.start({ id, ...spec, process: { args: ['sleep', '1000'], ...spec.process } });
  return { id, pid: pid ?? 0 };
}

const statusOf = (text: string) =>
  text.split('\n').filter((line) => /^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)/.test(line));

describe('an exec has what its container has:', { tags: 'vm' }, () => {
  test.for<[string, Partial<SpecInput>]>([
    ['by default', {}],
    ['with an init', { init: true }],
    ["with the host's user namespace", { userns: 'host' }],
    [
      "with some of the host's namespaces",
      { namespaces: { network: 'host', pid: 'host', ipc: 'host', uts: 'host', cgroup: 'host' } },
    ],
    ["with the host's files", { namespaces: { mount: 'host' } }],
    [
      'with restrictions of its own',
      {
        process: { args: [], user: '1000:2000', cwd: '/usr', umask: '077', env: { A: '1' } } as never,
        capabilities: { drop: ['ALL'], add: ['KILL'] },
        seccomp: 'unconfined',
        rlimits: { nofile: { soft: 64, hard: 128 }, core: 0 },
      },
    ],
  ])('%s', async ([, spec], { niwad }) => {
    const { process = {}, ...rest } = spec;
    const own = { ...process, args: ['sleep', '1000'] };
    const { id, pid } = await sleeper(niwad, { ...rest, process: own });
    const first = rest.init ? (niwad.pidsOf(id).find((one) => one !== pid) ?? 0) : pid;
    const session = await niwad.client.exec(id, { ...shell('echo ready; read x'), stdin: true });
    const output = session.output();
    await says(output, 'ready');
    const added = niwad.pidsOf(id).filter((one) => ![pid, first].includes(one));
    expect(added).toHaveLength(1);
    const other = added[0] ?? 0;
    for (const name of NAMESPACES)
      expect(readlinkSync(`/proc/${other}/ns/${name}`)).toBe(readlinkSync(`/proc/${first}/ns/${name}`));
    const file = (of: number, name: string) => readFileSync(`/proc/${of}/${name}`, 'utf8');
    for (const name of ['cgroup', 'limits', 'oom_score_adj']) expect(file(other, name)).toBe(file(first, name));
    expect(statusOf(file(other, 'status'))).toEqual(statusOf(file(first, 'status')));
    expect(statusOf(file(other, 'status'))).toContain('NoNewPrivs:\t1');
    expect(readlinkSync(`/proc/${other}/cwd`)).toBe(readlinkSync(`/proc/${first}/cwd`));
    expect(file(other, 'status')).toMatch(/^Umask:/m);
    expect(readlinkSync(`/proc/${other}/root`)).toBe(readlinkSync(`/proc/${first}/root`));
    session.close();
  });
});

test('an exec may have its own environment, directory, user and restrictions', async ({ niwad }) => {
  const { id } = await sleeper(niwad, { process: { args: ['sleep', '1000'], env: { A: '1', B: '2' } } });
  const fields = {
    env: { B: '3' },
    cwd: '/tmp',
    user: '7:bin',
    capabilities: { drop: ['ALL'] },
    rlimits: { nofile: 33 },
  };
  const said = await execSh(
    niwad,
    id,
    'echo $A $B; pwd; id -u; id -g; ulimit -n; grep CapBnd /proc/self/status',
    fields,
  );
  expect(said.split('\n')).toEqual(['1 3', '/tmp', '7', '2', '33', 'CapBnd:\t0000000000000000']);
});

test('an exec is in the group of the first process where the container has divided its own', { tags: 'vm' }, async ({
  niwad,
  skip,
}) => {
  const { id, pid } = await sleeper(niwad);
  skip(!niwad.divide(id, pid), 'needs a controller of cgroup v2');
  const { stdout } = await niwad.cli('exec', id, '--', 'grep', '^0:', '/proc/self/cgroup');
  expect(stdout).toBe('0::/init');
});

test('an exec ends as its process ends', { tags: 'vm' }, async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const exitOf = async (script: string) => (await collect(await niwad.client.exec(id, shell(script)))).exit;
  expect(await exitOf('exit 7')).toEqual({ code: 7, signal: null });
  expect(await exitOf('kill -9 $$')).toEqual({ code: null, signal: 'SIGKILL' });
  const cli = await Promise.all(
    ['exit 7', 'kill -TERM $$', 'echo out; echo err >&2'].map((script) =>
      niwad.cli('exec', id, '--', 'sh', '-c', script),
    ),
  );
  expect(cli.map(({ exitCode }) => exitCode)).toEqual([7, 143, 0]);
  expect(cli[2]).toMatchObject({ stdout: 'out', stderr: 'err' });
});

test('a program that is not there is 127, one that cannot run 126, each with the step', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const [missing, noProgram] = [await niwad.cli('exec', id, 'nope'), await niwad.cli('exec', id, '/etc/passwd')];
  expect(missing.exitCode).toBe(127);
  expect(missing.stderr).toMatch(
    /the exec in container .* failed: exec nope: ENOENT \(step ([0-9]+) of \1\); there is no/,
  );
  expect(noProgram.exitCode).toBe(126);
  await expect(niwad.client.exec(id, { args: ['true'], cwd: '/nowhere' })).rejects.toMatchObject({
    code: 'START_FAILED',
    details: { step: { operation: 'chdir', errno: 'ENOENT' } },
  });
  expect(niwad.pidsOf(id)).toHaveLength(1);
});

test('several megabytes of any bytes come back as they went, while others do the same', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  await Promise.all(
    [1, 2, 3].map(async () => {
      const bytes = randomBytes(3 * 1024 * 1024);
      const session = await niwad.client.exec(id, { ...shell('tee /dev/stderr'), stdin: true });
      const collected = collect(session);
      for (let at = 0; at < bytes.length; at += 100_000) await session.write(bytes.subarray(at, at + 100_000));
      session.endInput();
      const { stdout, stderr, exit } = await collected;
      expect([hash(stdout), hash(stderr), exit.code]).toEqual([hash(bytes), hash(bytes), 0]);
    }),
  );
});

test('a program that ends before its input is read: its status and all its output come', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const input = Buffer.alloc(1024 * 1024, 'x');
  const exec = (...args: string[]) =>
    execa(NIWA, ['--socket', niwad.socket, 'exec', '-i', id, ...args], { input, reject: false, maxBuffer: 1e9 });
  const early = await Promise.all(Array.from({ length: 4 }, () => exec('head', '-c1')));
  expect(early.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(early.map(() => [0, 'x']));
  const { exitCode, stdout } = await exec('sh', '-c', 'head -c 5000000 /dev/zero | tr "\\0" y; exit 3');
  expect([exitCode, stdout.length]).toEqual([3, 5_000_000]);
});

test('what a client sends after the end takes nothing away from it', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(id, { ...shell('head -c 100000 /dev/zero; exit 4'), stdin: true });
  await new Promise((resolve) => setTimeout(resolve, scaled(800))); // it has ended, and all of it is on its way
  for (let i = 0; i < 20; i++) await session.write(Buffer.alloc(10_000));
  session.resize(1, 1);
  session.kill('SIGTERM');
  const { stdout, exit } = await collect(session);
  expect([stdout.length, exit]).toEqual([100_000, { code: 4, signal: null }]);
});

test('a client that reads nothing costs niwad no memory: the process waits', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(id, shell('head -c 200000000 /dev/zero; echo done >&2'));
  const resident = () => Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${niwad.pid}/status`, 'utf8'))?.[1]);
  const output = session.output();
  await output.next();
  const before = resident();
  await new Promise((resolve) => setTimeout(resolve, scaled(500)));
  expect(resident() - before).toBeLessThan(30_000);
  expect(niwad.pidsOf(id)).toHaveLength(3);
  session.close();
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(1), PATIENCE);
});

test('without -t there is no terminal, and standard input is empty unless it is asked for', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  expect(await execSh(niwad, id, 'tty; readlink /proc/self/fd/0; cat; [ -t 1 ] || echo pipe')).toBe(
    'not a tty\n/dev/null\npipe',
  );
  expect(await execSh(niwad, id, 'echo again > /dev/stdout', { user: '1000' })).toBe('again');
});

test('with -t it has a terminal of the container, which hears of its size', { tags: 'vm' }, async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const script = 'tty; stty size; trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done';
  const request = { ...shell(script), tty: true, stdin: true, size: { rows: 33, columns: 99 } };
  const session = await niwad.client.exec(id, request);
  const output = session.output();
  expect(await says(output, 'ready\r\n')).toBe('/dev/pts/0\r\n33 99\r\nready\r\n');
  session.resize(44, 111);
  expect(await says(output, '44 111\r\n')).toBe('44 111\r\n'); // the terminal may give the end of a line later
  await session.write(Buffer.from('\x03'));
  let next = await output.next();
  while (!next.done) next = await output.next();
  expect(next.value).toMatchObject({ signal: 'SIGINT' });
});

test('the terminal belongs to the user of the exec, who reads and writes it by its name', { tags: 'vm' }, async ({
  niwad,
}) => {
  const { id } = await sleeper(niwad);
  const said = await execSh(niwad, id, 'stat -c %u:%g:%a $(tty); echo by name > $(tty); echo $TERM', {
    tty: true,
    user: '1000:1001',
  });
  expect(said.split('\r\n')).toEqual(['1000:1001:620', 'by name', 'xterm']);
});

test('a client that goes away hangs the terminal up', { tags: 'vm' }, async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(id, { ...shell('echo ready; sleep 1000'), tty: true, stdin: true });
  await says(session.output(), 'ready');
  expect(niwad.pidsOf(id).length).toBeGreaterThan(1);
  session.close();
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(1), PATIENCE);
});

test('a client that goes away closes standard input', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(id, { ...shell('echo ready; cat'), stdin: true });
  await says(session.output(), 'ready');
  session.close();
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(1), PATIENCE);
});

test('a client that goes away is noticed also where nobody reads what it has typed', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(id, {
    ...shell('stty raw -echo; echo ready; sleep 1000'),
    tty: true,
    stdin: true,
  });
  await says(session.output(), 'ready');
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(3), PATIENCE); // that sleeps who could read
  const taken = await Promise.race([
    session.write(Buffer.alloc(10_000_000)),
    new Promise((resolve) => setTimeout(() => resolve('nobody'), scaled(500))),
  ]);
  expect(taken).toBe('nobody');
  session.close();
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(1), PATIENCE);
});

test('a terminal whose output nobody reads costs no processor when its process has ended', async ({ niwad }) => {
  const { id, pid } = await sleeper(niwad);
  const session = await niwad.client.exec(id, { ...shell('yes'), tty: true, stdin: true });
  await new Promise((resolve) => setTimeout(resolve, scaled(500)));
  for (const one of niwad.pidsOf(id)) if (one !== pid) process.kill(one, 'SIGKILL');
  await vi.waitFor(() => expect(niwad.pidsOf(id)).toHaveLength(1), PATIENCE);
  const before = ticksOf(niwad.pid);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(ticksOf(niwad.pid) - before).toBeLessThan(25 * SLOWNESS); // of 100 in a second
  session.close();
});

test('signals reach the process', { tags: 'vm' }, async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(
    id,
    shell('trap "echo caught; exit 5" USR1; echo ready; while :; do sleep 0.05; done'),
  );
  const output = session.output();
  await says(output, 'ready');
  session.kill('SIGUSR1');
  await says(output, 'caught');
  expect(await output.next()).toEqual({ done: true, value: { code: 5, signal: null } });
});

test('a process that is left behind with the pipes does not keep an exec from its end', { tags: 'vm' }, async ({
  niwad,
}) => {
  const { id } = await sleeper(niwad);
  const session = await niwad.client.exec(id, shell('sleep 1000 & echo started'));
  expect((await collect(session)).stdout.toString()).toBe('started\n');
});

test('execs end with their container, count to it, and leave no zombie', { tags: 'vm' }, async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const before = (await niwad.client.inspect(id)).usage.cpu.usage_usec ?? 0;
  const burner = await niwad.client.exec(
    id,
    shell('i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; sleep 1000'),
  );
  await says(burner.output(), 'done');
  const used = (await niwad.client.inspect(id)).usage.cpu.usage_usec ?? 0;
  expect(used - before).toBeGreaterThan(10_000);
  const pids = niwad.pidsOf(id);
  const { usage, exit } = await niwad.client.stop(id, { timeout: 0 });
  expect(exit?.reason).toBe('stopped');
  expect(usage.cpu.usage_usec).toBeGreaterThanOrEqual(used);
  expect(niwad.ledger(id).at(-1)?.usage?.cpu.usage_usec).toBe(usage.cpu.usage_usec);
  expect(pids.filter((pid) => isAlive(pid))).toEqual([]);
  const children = readFileSync(`/proc/${niwad.pid}/task/${niwad.pid}/children`, 'utf8').split(' ').filter(Boolean);
  for (const pid of children) expect(readFileSync(`/proc/${pid}/status`, 'utf8')).not.toMatch(/^State:\tZ/m);
});

test('a hundred execs leave no descriptor and no process', async ({ niwad }) => {
  const { id } = await sleeper(niwad);
  const descriptors = () => readdirSync(`/proc/${niwad.pid}/fd`).length;
  const ten = (tty: boolean) =>
    Promise.all(Array.from({ length: 10 }, () => execSh(niwad, id, 'echo x', { tty, stdin: true })));
  await ten(true);
  await ten(false);
  const before = descriptors();
  for (let round = 0; round < 10; round++) await ten(round % 2 === 0);
  await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before), PATIENCE);
  expect(niwad.pidsOf(id)).toHaveLength(1);
});

describe('refused:', () => {
  test('in a container that does not run, with the cure', async ({ niwad }) => {
    const { id } = await niwad.client.create({ process: { args: ['sleep', '1000'] } });
    const refusal = () => niwad.client.exec(id, { args: ['true'] });
    await expect(refusal()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await niwad.client.start(id);
    await niwad.client.pause(id);
    await expect(refusal()).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      message: expect.stringContaining(`niwa resume ${id}`),
    });
    await niwad.client.resume(id);
    expect(await execSh(niwad, id, 'echo fine')).toBe('fine');
    await niwad.client.stop(id, { timeout: 0 });
    await expect(refusal()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await expect(niwad.client.exec('nobody', { args: ['true'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('what is no exec, with each field', async ({ niwad }) => {
    const { id } = await sleeper(niwad);
    const wrong = { args: [], user: '70000', capabilities: { add: ['SYS_ADMIN'] }, more: 1 } as never;
    await expect(niwad.client.exec(id, wrong)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
    await expect(niwad.client.exec(id, { args: ['true'], user: 'no-such-user' })).rejects.toMatchObject({
      details: { problems: [{ path: 'user', found: '"no-such-user"' }] },
    });
    const meant = { args: ['true'], user: 70_000, capabilities: { add: ['SYS_ADMIN'] } };
    const error = await niwad.client.exec(id, meant).catch((problem: unknown) => problem);
    expect(error).toMatchObject({ details: { problems: [{ path: 'user' }, { path: 'capabilities.add[0]' }] } });
  });

  test('without an upgrade, and a frame that is none', async ({ niwad }) => {
    const { id } = await sleeper(niwad);
    const body = JSON.stringify({ args: ['true'] });
    const plain = await raw(niwad.socket, 'POST', `/v1/containers/${id}/exec`, { body, type: 'application/json' });
    expect(plain.status).toBe(400);
    expect(plain.text).toContain('niwa-stream');
    const session = await niwad.client.exec(id, { args: ['sleep', '1000'] });
    session.kill('NOSUCH');
    await expect(collect(session)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
  });

  test('to others than root, what their container could not have', async ({ niwad, skip }) => {
    const member = { uid: 1234, gid: GROUP };
    const [plain, open] = [await sleeper(niwad), await sleeper(niwad, { userns: 'host' })];
    const ask = (id: string, body: object) => {
      const text = JSON.stringify({ args: ['true'], ...body });
      const head = `Host: niwad\r\nConnection: Upgrade\r\nUpgrade: niwa-stream\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
      return asUser(niwad, skip, member, { head: `POST /v1/containers/${id}/exec HTTP/1.1\r\n${head}` });
    };
    expect(await ask(plain.id, {})).toMatch(/^HTTP\/1.1 101 /);
    expect(await ask(plain.id, { capabilities: { drop: ['ALL'] }, rlimits: { nofile: 20 } })).toMatch(
      /^HTTP\/1.1 101 /,
    );
    for (const looser of [
      { capabilities: { add: ['SYS_PTRACE'] } },
      { seccomp: 'unconfined' },
      { rlimits: { nice: 40 } },
    ])
      expect(await ask(plain.id, looser)).toMatch(/^HTTP\/1.1 403 /);
    expect(await ask(open.id, {})).toMatch(/^HTTP\/1.1 403 /);
  });
});
