import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { FILES_PROGRAM } from '../../src/kernel/programs.js';
import { tarOf, type Written } from '../unit/images/make-tar.js';

/**
 * `niwa cp ID:/data ~` writes the tar of a container into a directory of the host: a link in the tar must not lead to
 * what lies beside the tree, such as `~/.ssh`.
 */

const directory = { path: 'data/', type: '5', mode: 0o755 };
const tars: [what: string, members: Written[]][] = [
  [
    'a link as the top, and a file behind it',
    [
      { path: 'data', type: '2', target: '.ssh' },
      { path: 'data/authorized_keys', data: 'evil' },
    ],
  ],
  [
    'a link in the tree, and a file behind it',
    [directory, { path: 'data/l', type: '2', target: '../.ssh' }, { path: 'data/l/authorized_keys', data: 'evil' }],
  ],
  [
    'a link in the tree, and a directory behind it',
    [
      directory,
      { path: 'data/l', type: '2', target: '../.ssh' },
      { path: 'data/l/authorized_keys/', type: '5', mode: 0o777 },
    ],
  ],
  [
    'a hard link to a file behind a link',
    [
      directory,
      { path: 'data/l', type: '2', target: '../.ssh' },
      { path: 'data/authorized_keys', type: '1', target: 'data/l/id' },
    ],
  ],
];
const cases = tars.flatMap(([what, members]) => ['', 'new'].map((target) => [what, target, members] as const));

test.for(cases)('a tar with %s does not reach a neighbour of the copy "%s"', async ([, target, members]) => {
  const home = mkdtempSync(join(tmpdir(), 'niwa-unpacked-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, '.ssh'));
  writeFileSync(join(home, '.ssh/id'), 'secret');
  const input = tarOf(...members);
  const isReached = () => ['.ssh', 'data', 'new'].some((name) => existsSync(join(home, name, 'authorized_keys')));

  const { stderr } = await execa(FILES_PROGRAM, ['unpack', '-p', join(home, target), 'data'], { input, reject: false });
  expect(isReached()).toBe(false);
  expect(stderr).toContain('behind a link');
  expect(readFileSync(join(home, '.ssh/id'), 'utf8')).toBe('secret');

  rmSync(join(home, 'data'), { recursive: true, force: true });
  await execa('tar', ['-xPf', '-', '-C', home], { input, reject: false }); // the control
  expect(isReached()).toBe(true);
});
