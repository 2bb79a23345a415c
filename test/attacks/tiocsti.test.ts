// @module-tag vm
// Technique: terminal injection (TIOCSTI: CVE-2017-5226; TIOCLINUX: CVE-2023-1523) into the terminal that started it.
import { execa } from 'execa';
import { expect } from 'vitest';
import { attack, compiled, test } from './attack.js';

test('TIOCSTI: a container has no terminal to type into', async ({ niwad }) => {
  const tries = await attack(niwad, 'inject');
  const streams = ['stdin', 'stdout', 'stderr'].flatMap((name) => [`TIOCSTI on ${name}`, `TIOCLINUX on ${name}`]);
  expect(tries).toEqual({
    ...Object.fromEntries(streams.map((name) => [name, 'ENOTTY'])),
    'open /dev/tty': 'ENXIO',
    'open /dev/console': 'ENOENT',
  });
});

test('TIOCSTI, control: root types into the terminal that it has', async () => {
  const { stdout } = await execa('script', ['-qec', compiled('inject'), '/dev/null'], { stdin: 'ignore' });
  expect(stdout).toContain('TIOCSTI on stdout: worked');
  expect(stdout).toContain('open /dev/tty: worked');
});
