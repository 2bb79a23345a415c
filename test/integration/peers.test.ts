import { chmodSync, statSync } from 'node:fs';
import { expect } from 'vitest';
import { GROUP, test } from './support/test.js';
import { asUser } from './support/user.js';

const NOBODY = 65_534;

test('the socket is closed to all but root and the group by its mode', async ({ niwad, skip }) => {
  const { mode, uid, gid } = statSync(niwad.socket);
  expect([mode & 0o777, uid, gid]).toEqual([0o660, 0, GROUP]);
  expect(await asUser(niwad, skip, { uid: NOBODY, gid: NOBODY })).toMatch(/^connect: Permission denied/);
});

test('a member of the group is let in, by primary or supplementary group', async ({ niwad, skip }) => {
  expect(await asUser(niwad, skip, { uid: NOBODY, gid: GROUP })).toMatch(/^HTTP\/1.1 200 OK/);
  expect(await asUser(niwad, skip, { uid: NOBODY, gid: NOBODY, groups: [7, GROUP] })).toMatch(/^HTTP\/1.1 200 OK/);
});

test('who gets past the mode and is neither root nor in the group is refused', async ({ niwad, skip }) => {
  chmodSync(niwad.socket, 0o666);
  const reply = await asUser(niwad, skip, { uid: NOBODY, gid: NOBODY, groups: [7] });
  expect(reply).toMatch(/^HTTP\/1.1 403 Forbidden/);
  expect(reply).toContain('"code":"FORBIDDEN"');
  expect(reply).toContain(`user ${NOBODY} may not use this socket`);
  expect(await asUser(niwad, skip, { uid: 0, gid: 0 })).toMatch(/^HTTP\/1.1 200 OK/);
});
