// @module-tag vm
// Techniques: mount, bind, remount, unmounting a mask, pivot_root and the new mount calls from inside.
import { expect } from 'vitest';
import { attack, test, unprotected } from './attack.js';

const TRICKS = [
  'mount tmpfs',
  'mount proc',
  'bind',
  'remount /sys writable',
  'unmount a mask',
  'unmount /proc/sys',
  'make private',
  'fsopen',
  'open_tree',
  'mount_setattr',
  'pivot_root',
];
const refused = { mkdir: 'worked', ...Object.fromEntries(TRICKS.map((trick) => [trick, 'EPERM'])) };

test('mount tricks: a container changes nothing of its file tree', async ({ niwad }) => {
  expect(await attack(niwad, 'mount-tricks')).toEqual(refused);
});

test("mount tricks: nor does one without the filter: the mounts are not its user namespace's", async ({ niwad }) => {
  expect(await attack(niwad, 'mount-tricks', [], { seccomp: 'unconfined' })).toEqual(refused);
});

test("mount tricks, control: with the host's user namespace and SYS_ADMIN they work", async ({ niwad }) => {
  const results = await attack(niwad, 'mount-tricks', [], unprotected('SYS_ADMIN'));
  for (const trick of ['mount tmpfs', 'mount proc', 'bind', 'remount /sys writable', 'unmount a mask', 'pivot_root'])
    expect(results).toMatchObject({ [trick]: 'worked' });
});
