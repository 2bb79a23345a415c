import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { expect } from 'vitest';
import { FILES_PROGRAM } from '../../src/kernel/programs.js';
import type { Niwad } from '../integration/support/niwad.js';
import { execSh } from '../integration/support/session.js';
import { member, tarOf, type Written } from '../unit/images/make-tar.js';
import { test } from './attack.js';

/**
 * `niwa cp` as a way out of a container (CVE-2018-15664, CVE-2019-14271): links in the container that lead to the host,
 * also links that appear while a copy is under way, and tars that a container makes to write beside their target.
 */

/** Two directories of the host: one that nothing may reach, one for copies. */
function directoriesOf({ place }: Niwad, name: string) {
  const [victim, target] = [join(place.files, `${name}-victim`), join(place.files, `${name}-target`)];
  for (const directory of [victim, target]) mkdirSync(directory);
  writeFileSync(join(victim, 'secret'), 'of the host');
  return { victim, target };
}

const sleeper = { root: { overlay: true }, process: { args: ['sleep', '1000'] } };

test('a link in the container leads nowhere else than in the container', async ({ niwad }) => {
  const { victim, target } = directoriesOf(niwad, 'link');
  const { id, pid } = await niwad.start(sleeper);
  await execSh(niwad, id, `ln -s ${victim} /tmp/out; ln -s ${victim}/secret /tmp/secret`);
  writeFileSync(join(target, 'evil'), '');
  const into = await niwad.cli('cp', join(target, 'evil'), `${id}:/tmp/out/evil`);
  expect(into.stderr).toContain('No such file or directory');
  const from = await niwad.cli('cp', '-L', `${id}:/tmp/secret`, join(target, 'read'));
  expect(from.stderr).toContain('No such file or directory');
  expect(readdirSync(victim)).toEqual(['secret']);
  // the control: the paths of the container, from outside
  copyFileSync(join(target, 'evil'), `/proc/${pid}/root/tmp/out/evil`);
  copyFileSync(`/proc/${pid}/root/tmp/secret`, join(target, 'read'));
  expect(readdirSync(victim)).toEqual(['evil', 'secret']);
  expect(readFileSync(join(target, 'read'), 'utf8')).toBe('of the host');
});

test('nor does a link that takes the place of a directory during the copy', async ({ niwad }) => {
  const { victim } = directoriesOf(niwad, 'race');
  const script = `cd /tmp; while :; do mkdir -p d/below; rm -r d; ln -s ${victim} d; rm d; done`;
  const { id, pid } = await niwad.start({ ...sleeper, process: { args: ['sh', '-c', `(${script}) 2> /dev/null`] } });
  const tar = tarOf({ path: 'top/evil', data: 'x' });
  const tries = Array.from({ length: 40 }, () =>
    niwad.client.copyTo(id, Readable.from([tar]), { path: '/tmp/d', name: 'below' }).catch(() => {}),
  );
  await Promise.all(tries);
  expect(readdirSync(victim)).toEqual(['secret']);
  const isReached = () => {
    try {
      writeFileSync(`/proc/${pid}/root/tmp/d/evil`, '');
    } catch {
      // it was a directory, or gone, at this moment
    }
    return existsSync(join(victim, 'evil'));
  };
  await expect.poll(isReached, { timeout: 20_000, interval: 1 }).toBe(true);
});

/** Tars whose files come to lie beside the target: `V` is the path of the victim, seen from the target `../V`. */
const escapes: [what: string, members: (victim: string) => Written[]][] = [
  ['names with ..', () => [{ path: 'top/../../link-victim/evil', data: 'x' }]],
  ['absolute names', (victim) => [{ path: `${victim}/evil`, data: 'x' }]],
  [
    'a link, and a file behind it',
    (victim) => [
      { path: 'top/', type: '5', mode: 0o755 },
      { path: 'top/l', type: '2', target: victim },
      { path: 'top/l/evil', data: 'x' },
    ],
  ],
  [
    'a link as the top, and a file behind it',
    (victim) => [
      { path: 'top', type: '2', target: victim },
      { path: 'top/evil', data: 'x' },
    ],
  ],
];

test.for(escapes)('a tar with %s does not write beside its target', async ([what, members], { niwad }) => {
  const { victim, target } = directoriesOf(niwad, what.replaceAll(/[^a-z]/g, ''));
  const tar = tarOf(
    ...members(victim).map((one) => ({
      ...one,
      path: one.path.replace('link-victim', victim.slice(victim.lastIndexOf('/') + 1)),
    })),
  );
  await execa(FILES_PROGRAM, ['unpack', '-p', target, 'top'], { input: tar, reject: false });
  expect(readdirSync(victim)).toEqual(['secret']);
  await execa('tar', ['-xPf', '-', '-C', target], { input: tar, reject: false });
  expect(readdirSync(victim)).toEqual(['evil', 'secret']);
});

test('a tar reaches only the tree that was asked for', async ({ niwad }) => {
  const { target } = directoriesOf(niwad, 'names');
  writeFileSync(join(target, 'other'), 'kept');
  const members = [
    { path: 'top/file', data: 'x' },
    { path: 'other', data: 'changed' },
  ];
  const { stderr } = await execa(FILES_PROGRAM, ['unpack', '-p', target, 'top'], {
    input: tarOf(...members),
    reject: false,
  });
  expect(stderr).toContain('more than one file or tree');
  expect(readFileSync(join(target, 'other'), 'utf8')).toBe('kept');
  await execa('tar', ['-xf', '-', '-C', target], { input: tarOf(...members) });
  expect(readFileSync(join(target, 'other'), 'utf8')).toBe('changed');
});

test('a hard link to a file beside the target is refused', async ({ niwad }) => {
  const { victim, target } = directoriesOf(niwad, 'hard');
  const tar = tarOf({ path: 'top/', type: '5', mode: 0o755 }, { path: 'top/x', type: '1', target: `${victim}/secret` });
  const { exitCode } = await execa(FILES_PROGRAM, ['unpack', '-p', target, 'top'], { input: tar, reject: false });
  expect(exitCode).toBe(1);
  expect(existsSync(join(target, 'top/x'))).toBe(false);
  await execa('tar', ['-xPf', '-', '-C', target], { input: tar });
  expect(readFileSync(join(target, 'top/x'), 'utf8')).toBe('of the host');
});

test('no device, and no program that runs as root, comes out', async ({ niwad }) => {
  const { target } = directoriesOf(niwad, 'modes');
  const tar = tarOf(
    { path: 'top/', type: '5', mode: 0o6755 },
    { path: 'top/disk', type: '4', mode: 0o666 },
    { path: 'top/shell', mode: 0o6755, data: 'x' },
  );
  await execa(FILES_PROGRAM, ['unpack', '-a', '-p', target, 'top'], { input: tar });
  expect(existsSync(join(target, 'top/disk'))).toBe(false);
  expect(statSync(join(target, 'top/shell')).mode & 0o7777).toBe(0o755);
  await execa('tar', ['-xpf', '-', '-C', target], { input: tar });
  expect(lstatSync(join(target, 'top/disk')).isBlockDevice()).toBe(true);
  expect(statSync(join(target, 'top/shell')).mode & 0o6000).toBe(0o6000);
});

const damaged: [what: string, tar: Buffer, words: string][] = [
  ['a size that no disk has', member({ path: 'top', size: 0o7777777777, data: 'x' }), 'ends too early'],
  ['a negative size', tarOf({ path: 'top', pax: { size: '-1' } }), 'a size that is none'],
  [
    'a name longer than a path',
    tarOf({ path: 'top', pax: { path: `top/${'x/'.repeat(3000)}y` } }),
    'longer than a path',
  ],
  ['a name with a zero byte', tarOf({ path: 'top', pax: { path: 'top/a\0b' } }), 'zero byte'],
  ['an endless extended header', tarOf({ type: 'x', path: 'pax', size: 0o7777777777 }), 'too long'],
  ['a record that is longer than its header', tarOf({ type: 'x', path: 'pax', data: '999 path=x\n' }), 'none'],
  ['a sparse file', tarOf({ path: 'top', pax: { 'GNU.sparse.size': '99' } }), 'sparse'],
  ['an unknown type', tarOf({ path: 'top', type: 'Z' }), 'unknown type'],
  ['no header', Buffer.alloc(1024, 'x'), 'no tar'],
];

test.for(damaged)('a tar with %s is refused', async ([, tar, words], { niwad }) => {
  const target = join(niwad.place.files, 'damaged');
  mkdirSync(target, { recursive: true });
  const ran = await execa(FILES_PROGRAM, ['unpack', '-p', target, 'top'], { input: tar, reject: false });
  expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringContaining(words)]);
});
