import { chmodSync, statSync } from 'node:fs';
import { execa } from 'execa';
import { expect } from 'vitest';
import { needsFile, type Skip } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { GROUP, test } from './support/test.js';

const NOBODY = 65_534;

/** Asks for the list of containers as another user: in perl, since that user may not be able to read this Node.js. */
const ASK = `
  use IO::Socket::UNIX;
  my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!";
  print $socket "GET /v1/containers HTTP/1.1\\r\\nHost: niwad\\r\\nConnection: close\\r\\n\\r\\n";
  print while <$socket>;`;

interface User {
  uid: number;
  gid: number;
  groups?: number[];
}

async function ask(niwad: Niwad, skip: Skip, { uid, gid, groups = [] }: User): Promise<string> {
  const perl = needsFile(skip, '/usr/bin/perl', 'a client that any user can run');
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, groups.length > 0 ? `--groups=${groups}` : '--clear-groups'];
  const { all } = await execa('setpriv', [...identity, perl, '-e', ASK, niwad.socket], { reject: false, all: true });
  return all;
}

test('the socket is closed to all but root and the group by its mode', async ({ niwad, skip }) => {
  const { mode, uid, gid } = statSync(niwad.socket);
  expect([mode & 0o777, uid, gid]).toEqual([0o660, 0, GROUP]);
  expect(await ask(niwad, skip, { uid: NOBODY, gid: NOBODY })).toMatch(/^connect: Permission denied/);
});

test('a member of the group is let in, by primary or supplementary group', async ({ niwad, skip }) => {
  expect(await ask(niwad, skip, { uid: NOBODY, gid: GROUP })).toMatch(/^HTTP\/1.1 200 OK/);
  expect(await ask(niwad, skip, { uid: NOBODY, gid: NOBODY, groups: [7, GROUP] })).toMatch(/^HTTP\/1.1 200 OK/);
});

test('who gets past the mode and is neither root nor in the group is refused', async ({ niwad, skip }) => {
  chmodSync(niwad.socket, 0o666);
  const reply = await ask(niwad, skip, { uid: NOBODY, gid: NOBODY, groups: [7] });
  expect(reply).toMatch(/^HTTP\/1.1 403 Forbidden/);
  expect(reply).toContain('"code":"FORBIDDEN"');
  expect(reply).toContain(`user ${NOBODY} may not use this socket`);
  expect(await ask(niwad, skip, { uid: 0, gid: 0 })).toMatch(/^HTTP\/1.1 200 OK/);
});
