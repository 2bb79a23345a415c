import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, onTestFinished, vi } from 'vitest';
import { PATIENCE, type Skip, scaled } from './support/host.js';
import { listenAs, perlOf } from './support/notify.js';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

/** Sends a message to the notify socket. */
const TELL = `perl -e '
  use Socket;
  socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
  send($socket, "STATUS=up\\nREADY=1\\nMAINPID=1\\n", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die $!'`;

const heard = (messages: () => string[], expected: string[]) =>
  vi.waitFor(() => expect(messages()).toEqual(expected), PATIENCE);

/** Listens as the service manager of a command; gives what it hears, and a function that runs the command. */
async function manage(skip: Skip, { socket }: Oci, directory: string) {
  const name = join(directory, 'manager.sock');
  const { messages, end } = await listenAs(perlOf(skip), name);
  onTestFinished(end);
  const env = { NIWA_OCI_SOCKET: socket, NOTIFY_SOCKET: name };
  const run = (...args: string[]) => execa(NIWA_OCI, args, { env, reject: false, stdio: 'ignore' });
  return { messages, run };
}

test('start waits until the container is ready, and tells its manager so, with the pid', async ({ oci, skip }) => {
  const script = `touch $(dirname $NOTIFY_SOCKET)/x && exit 9; until [ -e /go ]; do sleep 0.1; done; ${TELL}; exec sleep 1000`;
  const bundle = await oci.bundle(script);
  const { messages, run } = await manage(skip, oci, bundle);
  const id = oci.id();
  const pidFile = join(bundle, 'pid');
  expect((await run('create', '--bundle', bundle, '--pid-file', pidFile, id)).exitCode).toBe(0);
  const start = run('start', id);
  await vi.waitFor(async () => expect((await oci.state(id)).status).toBe('running'), PATIENCE);
  expect(await Promise.race([start, sleep(scaled(200), 'waits')])).toBe('waits');
  expect(messages()).toEqual([]);
  writeFileSync(join(bundle, 'rootfs/go'), '');
  expect((await start).exitCode).toBe(0);
  await heard(messages, [`MAINPID=${readFileSync(pidFile, 'utf8')}\nREADY=1\n`, 'BARRIER=1\n']);
  expect((await oci.state(id)).status).toBe('running');
});

test('start ends with a container that says nothing', async ({ oci, skip }) => {
  const bundle = await oci.bundle('exit 3');
  const { messages, run } = await manage(skip, oci, bundle);
  const id = oci.id();
  expect((await run('create', '--bundle', bundle, id)).exitCode).toBe(0);
  expect((await run('start', id)).exitCode).toBe(0);
  expect(messages()).toEqual([]);
});

test('a run that is detached tells the pid, one in the foreground stays the main process', async ({ oci, skip }) => {
  const bundle = await oci.bundle(`${TELL}; exit 5`);
  const { messages, run } = await manage(skip, oci, bundle);
  expect((await run('run', '--bundle', bundle, oci.id())).exitCode).toBe(5);
  await heard(messages, ['READY=1\n', 'BARRIER=1\n']);
  expect((await run('run', '--detach', '--bundle', bundle, oci.id())).exitCode).toBe(0);
  expect(messages()[2]).toMatch(/^MAINPID=\d+\nREADY=1\n$/);
});

test('any user of a container with a user namespace can tell', async ({ oci, skip }) => {
  const map = [{ containerID: 0, hostID: 300_000, size: 65_536 }];
  const bundle = await oci.bundle(`touch $(dirname $NOTIFY_SOCKET)/x && exit 9; ${TELL}`, ({ process, linux }) => {
    (linux.namespaces as object[]).push({ type: 'user' });
    Object.assign(linux, { uidMappings: map, gidMappings: map });
    process.user = { uid: 12, gid: 34 };
  });
  chownSync(join(bundle, 'rootfs'), 300_000, 300_000);
  const { messages, run } = await manage(skip, oci, bundle);
  expect((await run('run', '--bundle', bundle, oci.id())).exitCode).toBe(0);
  await heard(messages, ['READY=1\n', 'BARRIER=1\n']);
});
