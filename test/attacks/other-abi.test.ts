// @module-tag vm
// Technique: around the filter of system calls by another ABI of the processor (i386 by int 0x80, x32).
import { expect } from 'vitest';
import { attackSpec, results, test } from './attack.js';

for (const abi of ['i386', 'x32'])
  test.runIf(process.arch === 'x64')(`other ABI: the filter refuses calls of ${abi}`, async ({ niwad }) => {
    const { exit, stdout } = await niwad.run(attackSpec('other-abi', [abi]));
    expect(exit.signal ?? results(stdout).add_key).toMatch(/^(SIGSYS|EPERM|ENOSYS)$/);
  });

test.runIf(process.arch === 'x64')('other ABI, control: without the filter i386 works', async ({ niwad, skip }) => {
  const { exit, stdout } = await niwad.run({ ...attackSpec('other-abi', ['i386']), seccomp: 'unconfined' });
  skip(exit.signal === 'SIGSEGV', 'this kernel has no i386 calls');
  expect(results(stdout)).toEqual({ add_key: 'worked' });
});
