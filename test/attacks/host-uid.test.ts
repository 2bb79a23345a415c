// @module-tag vm
// Technique: files of another container, or of the host, by a uid that two containers have in common.
import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { attack, type Surroundings, test } from './attack.js';

/** A directory that two containers write to, with the ids that they have on the host. */
function shared(source: string): Surroundings {
  chmodSync(source, 0o1777);
  return { mounts: [{ type: 'bind', source, target: '/shared', idmap: false }] };
}
const writeSecret =
  'umask 077; echo secret > /shared/secret; mkdir /shared/private; echo secret > /shared/private/file';
const SECRETS = ['/shared/secret', '/shared/private/file'];
const all = (result: string) => Object.fromEntries(SECRETS.map((path) => [path, result]));

test('host uid: root in one container cannot read what root in another wrote', async ({ niwad, volume }) => {
  await niwad.sh(`${writeSecret}; sleep 0`, shared(volume));
  expect(statSync(join(volume, 'secret')).uid).toBeGreaterThanOrEqual(0x70000000);
  expect(await attack(niwad, 'read-file', SECRETS, shared(volume))).toEqual(all('EACCES'));
});

test("host uid: the host's private files stay unreadable on its own root", async ({ niwad }) => {
  expect(await attack(niwad, 'read-file', ['/etc/passwd', '/etc/shadow', '/root/.bashrc'])).toEqual({
    '/etc/passwd': 'worked',
    '/etc/shadow': 'EACCES',
    '/root/.bashrc': 'ENOENT',
  });
});

test("host uid, control: with the host's user namespace all of it can be read", async ({ niwad, volume }) => {
  const spec = { ...shared(volume), userns: 'host' } as const;
  await niwad.sh(writeSecret, spec);
  expect(await attack(niwad, 'read-file', [...SECRETS, '/etc/shadow'], spec)).toEqual({
    ...all('worked'),
    '/etc/shadow': 'worked',
  });
});
