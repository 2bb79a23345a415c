import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, expect, test, vi } from 'vitest';
import { listeningSockets } from '../../src/daemon/listen.js';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { host, needsFile, PATIENCE, type Skip, scaled } from './support/host.js';
import { flagsOf, isAlive, makePlace, NIWAD, Niwad, type Place, removePlace } from './support/niwad.js';
import { listenAs, perlOf } from './support/notify.js';
import { Oci } from './support/oci.js';

/** Waits until a socket listens: its file is there before. */
const untilListening = (path: string) =>
  vi.waitFor(
    () => expect([...listeningSockets(readFileSync('/proc/net/unix', 'utf8')).values()]).toContain(path),
    PATIENCE,
  );

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newPlace(settings: object = {}): Place {
  const place = makePlace(settings);
  cleanups.push(() => removePlace(place));
  return place;
}

async function start(...args: Parameters<typeof Niwad.start>): Promise<Niwad> {
  const niwad = await Niwad.start(...args);
  cleanups.push(() => niwad.stop('SIGKILL'));
  return niwad;
}

/** Listens at a path as systemd does, waits for a file, and becomes the command with the socket as descriptor 3. */
const ACTIVATOR = `
  use IO::Socket::UNIX;
  use POSIX;
  my ($path, $go, $fds) = splice @ARGV, 0, 3;
  $^F = 9;
  my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 5) or die $!;
  dup2(fileno $socket, 3) or die $! if fileno $socket != 3;
  select undef, undef, undef, 0.01 until -e $go;
  @ENV{'LISTEN_FDS', 'LISTEN_PID'} = ($fds, $$);
  exec @ARGV or die $!;`;

/** Hears what a daemon tells its manager; gives the messages so far. */
async function hear(skip: Skip, name: string): Promise<() => string[]> {
  const { messages, end } = await listenAs(perlOf(skip), name);
  cleanups.push(end);
  return messages;
}

test.for(['a path', 'an abstract name'])('the manager hears of start, life and end, at %s', async (kind, { skip }) => {
  const place = newPlace();
  const name = kind === 'a path' ? join(place.directory, 'notify') : `@${place.cgroup}`;
  const messages = await hear(skip, name);
  const niwad = await start(place, { NOTIFY_SOCKET: name, WATCHDOG_USEC: '200000' });
  await vi.waitFor(() => expect(messages().length).toBeGreaterThan(4), PATIENCE);
  expect(await niwad.stop()).toBe(0);
  await vi.waitFor(() => expect(messages().join('')).toContain('STOPPING'), PATIENCE);
  const [first, ...later] = messages();
  expect(first).toBe('READY=1\nSTATUS=running\n');
  expect(later.slice(0, 3)).toEqual(['WATCHDOG=1\n', 'WATCHDOG=1\n', 'WATCHDOG=1\n']);
  expect(later).toContainEqual(expect.stringMatching(/^STOPPING=1\nSTATUS=.+\n$/));
});

test('a daemon whose event loop hangs is not said to live', async ({ skip }) => {
  const place = newPlace();
  const name = join(place.directory, 'notify');
  const messages = await hear(skip, name);
  const niwad = await start(place, { NOTIFY_SOCKET: name, WATCHDOG_USEC: '100000' });
  await vi.waitFor(() => expect(messages().length).toBeGreaterThan(2), PATIENCE);
  process.kill(niwad.pid, 'SIGSTOP');
  const before = await settled(messages);
  await new Promise((resolve) => setTimeout(resolve, scaled(300)));
  expect(messages()).toHaveLength(before);
  process.kill(niwad.pid, 'SIGCONT');
  await vi.waitFor(() => expect(messages().length).toBeGreaterThan(before), PATIENCE);
});

test('without a watchdog there is no word of it; a manager that is not there is no reason to stop', async ({
  skip,
}) => {
  const place = newPlace();
  const name = join(place.directory, 'notify');
  const messages = await hear(skip, name);
  const niwad = await start(place, { NOTIFY_SOCKET: name, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' });
  await niwad.client.list();
  expect(await niwad.stop()).toBe(0);
  expect(messages().join('')).not.toContain('WATCHDOG');

  const deaf = await start(place, { NOTIFY_SOCKET: join(place.directory, 'nobody') });
  await vi.waitFor(() => expect(deaf.log).toContain('cannot notify systemd: ENOENT'), PATIENCE);
  expect(await deaf.client.list()).toEqual([]);
});

test('a request that comes before niwad is answered by it, and the socket stays', async ({ skip }) => {
  const place = newPlace({ group: 54_321 });
  const [path, go] = [join(place.directory, 'api.sock'), join(place.directory, 'go')];
  const starting = start(place, {}, flagsOf(place), [perlOf(skip), '-e', ACTIVATOR, path, go, '1']);
  await untilListening(path);
  const before = statSync(path);
  const client = connect(path);
  await once(client, 'connect');
  client.write('GET /v1/containers HTTP/1.1\r\nHost: niwad\r\nConnection: close\r\n\r\n');
  writeFileSync(go, '');
  expect(await text(client)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\[\]\r\n/);

  const niwad = await starting;
  expect(niwad.log).toContain(`"socket":"${path}"`);
  expect(existsSync(niwad.socket)).toBe(false);
  const slow = connect(path).on('error', () => {}); // is cut off: niwad waits for no request at its end
  slow.write('GET /v1/containers HTTP/1.1\r\n');
  await new Promise((resolve) => slow.write('Host: niwad\r\n', resolve));
  const began = Date.now();
  expect(await niwad.stop()).toBe(0);
  expect(Date.now() - began).toBeLessThan(scaled(5000));
  slow.destroy();
  const after = statSync(path);
  expect([after.ino, after.mode, after.uid, after.gid]).toEqual([before.ino, before.mode, before.uid, before.gid]);
});

test('whoever waits at the socket of a niwad before is refused where the next one gets another from its manager', async ({
  skip,
}) => {
  const place = newPlace();
  const [path, go] = [join(place.directory, 'api.sock'), join(place.directory, 'go')];
  writeFileSync(go, '');
  const first = await start(place);
  await first.start({ id: 'lives', process: { args: ['sleep', '1000'] } });
  await first.stop('SIGKILL');
  const waiting = connect(first.socket);
  await once(waiting, 'connect');
  const over = new Promise((resolve) =>
    waiting
      .on('error', () => {})
      .on('close', () => resolve('refused'))
      .resume(),
  );
  await start(place, {}, flagsOf(place), [perlOf(skip), '-e', ACTIVATOR, path, go, '1']);
  expect(await Promise.race([over, sleep(scaled(3000), 'waits')])).toBe('refused');
});

test('a descriptor that is no listening socket, and more than one, are refused', async ({ skip }) => {
  const place = newPlace();
  const go = join(place.directory, 'go');
  writeFileSync(go, '');
  const run = (command: string, args: string[]) => execa(command, args, { reject: false });
  const open = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"';
  const file = await run('sh', ['-c', `${open} 3</dev/null`, 'sh', NIWAD, ...flagsOf(place)]);
  const activate = [
    perlOf(skip),
    '-e',
    ACTIVATOR,
    join(place.directory, 's'),
    go,
    '3',
    NIWAD,
    ...flagsOf(place),
  ] as const;
  const three = await run(activate[0], activate.slice(1));
  expect([file.exitCode, file.stdout]).toEqual([1, expect.stringContaining('descriptor 3 is no listening Unix')]);
  expect([three.exitCode, three.stdout]).toEqual([1, expect.stringContaining('LISTEN_FDS says 3 sockets')]);
});

const activatorOf = (skip: Skip) =>
  needsFile(skip, '/usr/bin/systemd-socket-activate', 'the package systemd is not installed');

/** Gives the launcher that listens at paths, and becomes niwad at the first connection. It passes few variables on. */
function activation(skip: Skip, paths: string[], ...options: string[]): string[] {
  const own = Object.keys(process.env).filter((name) => name.startsWith('NIWA_'));
  return [
    activatorOf(skip),
    ...paths.flatMap((path) => ['--listen', path]),
    ...own.flatMap((name) => ['--setenv', name]),
    ...options,
  ];
}

test.for<[string, string, string[]]>([
  ['its path', 'run/oci.sock', []],
  ['the name of its unit', 'engines.sock', ['--fdname', 'niwad.socket:niwa-oci.socket']],
])(
  'a command of an engine that comes before niwad is answered by it; its socket is known by %s',
  async ([, name, options], { skip }) => {
    const place = newPlace();
    const [api, socket] = [join(place.directory, 'api.sock'), join(place.directory, name)];
    const starting = start(place, {}, flagsOf(place), activation(skip, [api, socket], ...options));
    await untilListening(socket);
    const before = statSync(socket);
    const oci = new Oci({ place });
    const bundle = await oci.bundle('echo awake');
    expect(await oci.done('--niwad', socket, 'run', '--bundle', bundle, oci.id())).toBe('awake');

    const niwad = await starting;
    expect(niwad.log).toContain(`"socket":"${api}"`);
    expect(await niwad.stop()).toBe(0);
    const after = statSync(socket);
    expect([after.ino, after.mode]).toEqual([before.ino, before.mode]);
    const { exitCode, stderr } = await oci.run('--niwad', socket, 'list');
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^niwa-oci: cannot reach niwad on .*; start it .*$/)]);
  },
);

test('a socket for engines alone leaves that of the API to niwad', async ({ skip }) => {
  const place = newPlace();
  const oci = new Oci({ place });
  const starting = start(place, {}, flagsOf(place), activation(skip, [oci.socket]));
  await untilListening(oci.socket);
  expect(await oci.done('list', '--format', 'json')).toBe('[]');
  const niwad = await starting;
  expect(await niwad.client.list()).toEqual([]);
});

test('two sockets that are both for the API are refused', async ({ skip }) => {
  const place = newPlace();
  const [first, second] = [join(place.directory, 'a.sock'), join(place.directory, 'b.sock')];
  const [program = '', ...words] = activation(skip, [first, second]);
  const niwad = execa(program, [...words, NIWAD, ...flagsOf(place)], { reject: false });
  await untilListening(second);
  const client = connect(first).on('error', () => {});
  cleanups.push(() => client.destroy());
  const { exitCode, stdout } = await niwad;
  expect([exitCode, stdout]).toEqual([1, expect.stringContaining('LISTEN_FDS says 2 sockets')]);
});

const INTO_GROUP = 'echo $$ >"$0/cgroup.procs"; exec "$@"';

test('in its own group niwad steps aside, and does so only once', { tags: 'vm' }, async () => {
  const place = newPlace();
  const { base } = lookAtCgroupTree(place.cgroup);
  mkdirSync(base);
  const flags = flagsOf({ ...place, cgroup: 'self' });
  const first = await start(place, {}, flags, ['sh', '-c', INTO_GROUP, base]);
  expect(groupOfProcess(first.pid)).toBe(`/${place.cgroup}/daemon`);
  await first.start({ id: 'a', process: { args: ['sleep', '1000'] } });
  expect(first.pidsOf('a')).toHaveLength(1);
  const controllers = readFileSync(join(base, 'containers/cgroup.subtree_control'), 'utf8').trim().split(' ');
  expect(controllers.filter(Boolean).sort()).toEqual(
    ['cpu', 'cpuset', 'io', 'memory', 'pids'].filter((name) => !(name in host.missing)),
  );
  expect(await first.stop()).toBe(0);

  const again = await start(place, {}, flags, ['sh', '-c', INTO_GROUP, join(base, 'daemon')]);
  expect(groupOfProcess(again.pid)).toBe(`/${place.cgroup}/daemon`);
  await again.start({ id: 'b', process: { args: ['sleep', '1000'] } });
  expect(again.pidsOf('b')).toHaveLength(1);
});

test("the root group is nobody's own", { tags: 'vm' }, async () => {
  const place = newPlace();
  const { mount } = lookAtCgroupTree(place.cgroup);
  const words = ['-c', INTO_GROUP, mount, NIWAD, ...flagsOf({ ...place, cgroup: 'self' })];
  const { exitCode, stdout } = await execa('sh', words, { reject: false });
  expect([exitCode, stdout]).toEqual([1, expect.stringContaining('cgroup \\"self\\" needs a group')]);
});

test('a container does not inherit that niwad is spared by the OOM killer', { tags: 'vm' }, async ({ skip }) => {
  const place = newPlace();
  const spare = 'echo -900 >/proc/self/oom_score_adj && exec "$@"';
  const may = await execa('sh', ['-c', spare, 'sh', 'true'], { reject: false });
  skip(may.exitCode !== 0, 'needs CAP_SYS_RESOURCE, to lower an oom_score_adj');
  const niwad = await start(place, {}, flagsOf(place), ['sh', '-c', spare, 'sh']);
  expect(await niwad.sh('cat /proc/self/oom_score_adj')).toBe('0');
  expect(isAlive(niwad.pid)).toBe(true);
});

test('systemd takes the units without a word', async ({ skip }) => {
  const analyze = needsFile(skip, '/usr/bin/systemd-analyze', 'the package systemd is not installed');
  const { directory } = newPlace();
  const units = ['niwad.service', 'niwad.socket', 'niwa-oci.socket'];
  for (const name of units) {
    const unit = readFileSync(new URL(`../../bin/install/${name}`, import.meta.url), 'utf8');
    writeFileSync(join(directory, name), unit.replaceAll('/usr/bin/niwad', NIWAD));
  }
  const verify = () =>
    execa(analyze, ['verify', ...units.map((name) => join(directory, name))], {
      env: { SYSTEMD_UNIT_PATH: `${directory}:` },
      reject: false,
      all: true,
    });
  const good = await verify();
  expect([good.exitCode, good.all]).toEqual([0, '']);
  writeFileSync(join(directory, 'niwad.service'), '[Service]\nExecStart=/bin/true\nKillMode=gently\n');
  expect((await verify()).all).toContain('ignoring: gently');
});

function groupOfProcess(pid: number): string | undefined {
  return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
}

/** What is on its way has arrived when the number stays the same. */
async function settled(messages: () => string[]): Promise<number> {
  for (let last = -1; ; ) {
    const count = messages().length;
    if (count === last) return count;
    last = count;
    await new Promise((resolve) => setTimeout(resolve, scaled(200)));
  }
}
