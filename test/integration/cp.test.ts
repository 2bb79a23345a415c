import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { NIWA, type Niwad } from './support/niwad.js';
import { execSh } from './support/session.js';
import { test } from './support/test.js';

/** niwa cp, both ways. */

const sleeper = (spec: object = {}) => ({ root: { overlay: true }, process: { args: ['sleep', '1000'] }, ...spec });

/** A directory of the test's own on the host. */
function directoryOf({ place }: Niwad, name: string): string {
  const directory = join(place.files, name);
  mkdirSync(directory);
  return directory;
}

/** Makes a small tree: files, a link, an empty directory, a script. */
function makeTree(directory: string): string {
  const tree = join(directory, 'tree');
  mkdirSync(join(tree, 'below/empty'), { recursive: true });
  writeFileSync(join(tree, 'below/file'), 'words\n');
  writeFileSync(join(tree, 'script'), '#!/bin/sh\n', { mode: 0o750 });
  writeFileSync(join(tree, `long-${'x'.repeat(200)}`), 'long');
  symlinkSync('below/file', join(tree, 'link'));
  return tree;
}

test('copies a tree in and out again, as cp -r does', async ({ niwad }) => {
  const { id } = await niwad.start(sleeper());
  const directory = directoryOf(niwad, 'tree');
  const tree = makeTree(directory);
  for (const target of ['/tmp', '/tmp/new', '/tmp/new']) {
    const { exitCode, stderr } = await niwad.cli('cp', tree, `${id}:${target}`);
    expect([exitCode, stderr]).toEqual([0, '']);
  }
  expect(await execSh(niwad, id, 'cd /tmp; ls; ls new; cat tree/link; stat -c "%a %u %g" tree/script new/script')).toBe(
    `new\ntree\nbelow\nlink\nlong-${'x'.repeat(200)}\nscript\ntree\nwords\n750 0 0\n750 0 0`,
  );
  const out = await niwad.cli('cp', `${id}:/tmp/tree/.`, join(directory, 'back'));
  expect([out.exitCode, out.stderr]).toEqual([0, '']);
  const { stdout } = await execa('diff', ['-r', '--no-dereference', tree, join(directory, 'back')], { reject: false });
  expect(stdout).toBe('');
  expect(readlinkSync(join(directory, 'back/link'))).toBe('below/file');
  expect(statSync(join(directory, 'back/script')).mode & 0o7777).toBe(0o750);
});

test('copies a file: to a new name, into a directory, over another file', async ({ niwad }) => {
  const { id } = await niwad.start(sleeper());
  const directory = directoryOf(niwad, 'file');
  writeFileSync(join(directory, 'a'), 'from the host');
  await niwad.cli('cp', join(directory, 'a'), `${id}:/tmp/b`);
  await niwad.cli('cp', join(directory, 'a'), `${id}:/tmp`);
  expect(await execSh(niwad, id, 'cd /tmp; ls; cat b; echo other > a')).toBe('a\nb\nfrom the host');
  await niwad.cli('cp', `${id}:/tmp/a`, join(directory, 'a'));
  expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('other\n');
  await niwad.cli('cp', `${id}:tmp/b`, directory);
  expect(readdirSync(directory)).toEqual(['a', 'b']);
});

test('- is a tar on standard input and output', async ({ niwad }) => {
  const { id } = await niwad.start(sleeper());
  const tree = makeTree(directoryOf(niwad, 'tar'));
  const script = `tar c -C ${tree} . | ${NIWA} cp - ${id}:/tmp && ${NIWA} cp ${id}:/tmp/below - | tar t`;
  const { stdout } = await execa('sh', ['-c', script], { env: { NIWA_SOCKET: niwad.socket } });
  expect(stdout.split('\n').sort()).toEqual(['below/', 'below/empty/', 'below/file']);
});

test('reaches a container that is not started yet; a paused or an ended one is refused', async ({ niwad }) => {
  const { id } = await niwad.client.create({ ...sleeper(), process: { args: ['cat', '/tmp/config'] } });
  const directory = directoryOf(niwad, 'created');
  writeFileSync(join(directory, 'config'), 'set before the start');
  expect((await niwad.cli('cp', join(directory, 'config'), `${id}:/tmp/`)).exitCode).toBe(0);
  await niwad.client.start(id);
  await niwad.client.wait(id);
  expect((await niwad.output(id)).stdout).toBe('set before the start');
  const ended = await niwad.cli('cp', `${id}:/tmp/config`, directory);
  expect([ended.exitCode, ended.stderr]).toEqual([1, expect.stringContaining('it is exited')]);
  const running = await niwad.start(sleeper());
  await niwad.client.pause(running.id);
  const paused = await niwad.cli('cp', `${running.id}:/etc/hostname`, directory);
  expect([paused.exitCode, paused.stderr]).toEqual([1, expect.stringContaining('it is paused')]);
});

test('-L follows a link at the end, -a keeps owners', async ({ niwad }) => {
  const { id } = await niwad.start(sleeper());
  const directory = directoryOf(niwad, 'links');
  await execSh(niwad, id, 'cd /tmp; echo 1 > file; chown 12:34 file; ln -s file link');
  await niwad.cli('cp', `${id}:/tmp/link`, join(directory, 'as-link'));
  await niwad.cli('cp', '-L', `${id}:/tmp/link`, join(directory, 'as-file'));
  await niwad.cli('cp', '-a', `${id}:/tmp/file`, join(directory, 'owned'));
  expect(readlinkSync(join(directory, 'as-link'))).toBe('file');
  expect(statSync(join(directory, 'as-file')).uid).toBe(0);
  expect(statSync(join(directory, 'owned'))).toMatchObject({ uid: 12, gid: 34 });
  await niwad.cli('cp', '-a', join(directory, 'owned'), `${id}:/tmp/back`);
  await niwad.cli('cp', join(directory, 'owned'), `${id}:/tmp/roots`);
  expect(await execSh(niwad, id, 'stat -c "%u:%g" /tmp/back /tmp/roots')).toBe('12:34\n0:0');
});

const refused: [what: string, from: string, to: string, words: string][] = [
  ['what is not there', 'ID:/no/such', 'DIR/x', 'No such file or directory'],
  ['a target whose directory is not there', 'DIR/file', 'ID:/no/such/place', 'No such file or directory'],
  ['a file onto a directory', 'DIR/sub', 'ID:/etc/passwd', 'Not a directory'],
  ['a source of the host that is not there', 'DIR/none', 'ID:/tmp', 'on this host: cannot read'],
  ['a device', 'ID:/dev/null', 'DIR/x', 'is a device or a socket'],
  ['a root that is read-only', 'DIR/file', 'ID:/usr/file', 'Read-only file system'],
  ['two places of the host', 'DIR/file', 'DIR/x', 'one of the two has to be ID:PATH'],
  ['two containers', 'ID:/a', 'ID:/b', 'niwa cp ID:PATH - | niwa cp - ID:PATH'],
];

test.for(refused)('refuses %s', async ([, from, to, words], { niwad }) => {
  const { id } = await niwad.start({ root: { readonly: true }, process: { args: ['sleep', '1000'] } });
  const directory = join(niwad.place.files, 'refused');
  mkdirSync(join(directory, 'sub'), { recursive: true });
  writeFileSync(join(directory, 'file'), '');
  const place = (word: string) => word.replace('ID', id).replace('DIR', directory);
  const { exitCode, stderr } = await niwad.cli('cp', place(from), place(to));
  expect([exitCode === 0, stderr]).toEqual([false, expect.stringContaining(words)]);
  expect(existsSync(join(directory, 'x'))).toBe(false);
});

test('a client that leaves ends the process that copies', async ({ niwad }) => {
  const { id } = await niwad.start(sleeper());
  await execSh(niwad, id, 'head -c 50000000 /dev/zero > /tmp/large');
  const before = niwad.pidsOf(id).length;
  const tar = await niwad.client.copyFrom(id, { path: '/tmp/large' });
  expect(niwad.pidsOf(id)).toHaveLength(before + 1);
  tar.destroy();
  await expect.poll(() => niwad.pidsOf(id).length, { timeout: 10_000 }).toBe(before);
});
