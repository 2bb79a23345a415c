// @module-tag vm
// Technique: the kernel's keyrings (CVE-2014-9529, CVE-2016-0728 and what leaks between containers of one user).
import { expect } from 'vitest';
import { attack, test } from './attack.js';

test('keyring: a container reaches no kernel keyring', async ({ niwad }) => {
  expect(await attack(niwad, 'keyring')).toEqual({ add_key: 'EPERM', request_key: 'EPERM', keyctl: 'EPERM' });
});

test('keyring, control: without the filter it stores a key and finds it', async ({ niwad }) => {
  expect(await attack(niwad, 'keyring', [], { seccomp: 'unconfined' })).toMatchObject({
    add_key: 'worked',
    keyctl: 'worked',
  });
});
