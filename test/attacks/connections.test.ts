// Technique: a user of the host holds connections to niwad's socket, until there is none left for root.
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, expect, vi } from 'vitest';
import { kernel } from '../../src/kernel/addon.js';
import { needsFile, PATIENCE, type Skip } from '../integration/support/host.js';
import { asUser, type User } from '../integration/support/user.js';
import { testWith } from './attack.js';

const FULL = 54_321;
const READ = 54_322;
const STRANGER = { uid: 65_534, gid: 65_534 };
const READER = { uid: 65_533, gid: READ };
const MEMBER = { uid: 65_532, gid: FULL };
const MANY = 1100;

const test = testWith({ group: FULL, readGroup: READ });

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Connects, sends half a request, and holds on; says when it has all. In perl, which any user can run. */
const HOLDER = `
  use IO::Socket::UNIX;
  $SIG{PIPE} = 'IGNORE';
  for (1 .. $ARGV[1]) {
    my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or next;
    print $socket "GET /v1/health HTTP/1.1\\r\\n";
    push @held, $socket;
  }
  $| = 1;
  print scalar(@held), "\\n";
  sleep 1000;`;

/** Holds connections as a user until the end of the test; gives how many it has made. */
async function hold(skip: Skip, socket: string, { uid, gid }: User): Promise<number> {
  const perl = needsFile(skip, '/usr/bin/perl', 'a client that any user can run');
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const words = ['--nofile=4096:4096', 'setpriv', ...identity, perl, '-e', HOLDER, socket, String(MANY)];
  const holder = execa('prlimit', words, { reject: false });
  stops.push(async () => {
    holder.kill('SIGKILL');
    await holder;
  });
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  return Number(said.toString());
}

const open = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

test('connections: with two groups a stranger cannot connect at all', async ({ niwad, skip }) => {
  try {
    kernel.sockets.admitGroup(niwad.place.config, READ);
  } catch {
    return skip('the file system has no ACLs');
  }
  expect(await hold(skip, niwad.socket, STRANGER)).toBe(0);
  for (const user of [MEMBER, READER]) expect(await asUser(niwad, skip, user)).toMatch(/^HTTP\/1.1 200 OK/);
});

test('connections: of a stranger none is held, and root and members get in', async ({ niwad, skip }) => {
  chmodSync(niwad.socket, 0o666); // as where the file system has no ACLs
  const before = open(niwad.pid);
  expect(await hold(skip, niwad.socket, STRANGER)).toBeGreaterThan(1000);
  expect(await niwad.client.health()).toEqual({ status: 'ok' });
  expect(await asUser(niwad, skip, MEMBER)).toMatch(/^HTTP\/1.1 200 OK/);
  await vi.waitFor(() => expect(open(niwad.pid)).toBeLessThan(before + 20), PATIENCE);
  const refused = await asUser(niwad, skip, STRANGER);
  expect(refused).toMatch(/^HTTP\/1.1 403 /);
  expect(refused).toContain(`user ${STRANGER.uid} may not use this socket`);
});

test('connections: a reader who takes all it can get leaves some to others', async ({ niwad, skip }) => {
  await hold(skip, niwad.socket, READER);
  expect(await asUser(niwad, skip, READER)).toMatch(/^HTTP\/1.1 429 /);
  expect(await asUser(niwad, skip, MEMBER)).toMatch(/^HTTP\/1.1 200 OK/);
  expect(await niwad.client.health()).toEqual({ status: 'ok' });
});

test("connections, control: with the server's own bound nobody else gets in", async ({ niwad, skip }) => {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-attack-'));
  chmodSync(directory, 0o755);
  const socket = join(directory, 'socket');
  const server = createServer((_request, response) => response.end('in'));
  server.maxConnections = 1024;
  server.listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0o666);
  stops.push(async () => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  const root = { uid: 0, gid: 0 };
  const there = Object.assign(Object.create(niwad), { socket });
  expect(await asUser(there, skip, root)).toContain('in');
  await hold(skip, socket, STRANGER);
  expect(await asUser(there, skip, root)).not.toContain('in');
});
