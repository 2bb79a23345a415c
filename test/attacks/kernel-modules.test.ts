// @module-tag vm
// Technique: kernel modules, loaded by the attacker itself.
import { expect } from 'vitest';
import { attack, test, unprotected } from './attack.js';

test('kernel modules: a container loads and unloads none', async ({ niwad }) => {
  expect(await attack(niwad, 'modules')).toEqual({
    init_module: 'EPERM',
    finit_module: 'EPERM',
    delete_module: 'EPERM',
  });
});

test('kernel modules: nor does one without the filter', async ({ niwad }) => {
  const refused = await attack(niwad, 'modules', [], { seccomp: 'unconfined' });
  expect(Object.values(refused).every((result) => result === 'EPERM' || result === 'ENOSYS')).toBe(true);
});

test('kernel modules, control: with the capability the kernel reads the image', async ({ niwad, skip }) => {
  const results = await attack(niwad, 'modules', [], unprotected('SYS_MODULE'));
  skip(results.init_module === 'ENOSYS', 'this kernel has no modules');
  expect(results).toEqual({ init_module: 'ENOEXEC', finit_module: 'ENOEXEC', delete_module: 'ENOENT' });
});
