// @module-tag vm
// Technique: a user namespace of the attacker's own (clone3, clone, unshare), in which it has every capability and
// reaches code of the kernel that is open to root alone (CVE-2022-0185, CVE-2022-0492, CVE-2023-32233).
import { expect } from 'vitest';
import { attack, attackOnHost, test, unprotected } from './attack.js';

test('clone3 with CLONE_NEWUSER: a container makes and joins no namespaces', async ({ niwad }) => {
  expect(await attack(niwad, 'namespaces')).toEqual({
    'clone3 user': 'ENOSYS',
    'clone user': 'EPERM',
    'unshare user': 'EPERM',
    'unshare user and mount': 'EPERM',
    'unshare user and network': 'EPERM',
    setns: 'EPERM',
  });
});

test('clone3 with CLONE_NEWUSER, control: without the filter it does', async ({ niwad }) => {
  expect(await attack(niwad, 'namespaces', [], unprotected('SYS_ADMIN'))).toMatchObject({
    'clone3 user': 'worked',
    'clone user': 'worked',
    'unshare user and network': 'worked',
    setns: 'worked',
  });
});

test('clone3 with CLONE_NEWUSER, control: on the host it does', async () => {
  expect(new Set(Object.values(await attackOnHost('namespaces')))).toEqual(new Set(['worked']));
});
