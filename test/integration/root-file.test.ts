// @module-tag vm-long
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, vi } from 'vitest';
import { canIdmapImage } from '../../src/host/filesystems.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { needsFile, PATIENCE, type Skip } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { loopFiles, makeRoot } from './support/roots.js';
import { test } from './support/test.js';

const MAKERS = {
  squashfs: (from: string, to: string) => ['/usr/bin/mksquashfs', [from, to, '-noappend', '-quiet', '-no-progress']],
  erofs: (from: string, to: string) => ['/usr/bin/mkfs.erofs', [to, from]],
} satisfies Record<string, (from: string, to: string) => [string, string[]]>;

/** Makes an image of a root in which /name holds a word; gives its path. */
function makeImage(skip: Skip, files: string, type: keyof typeof MAKERS, word: string): string {
  skip(process.env.NIWA_SANITIZED === '1', 'the sanitized helper is no program of this root');
  needsFile(skip, '/dev/loop-control', 'loop devices');
  const directory = makeRoot(skip, join(files, `${type}-${word}`));
  const path = `${directory}.image`;
  writeFileSync(join(directory, 'name'), `${word}\n`);
  const [program, args] = MAKERS[type](directory, path);
  execFileSync(needsFile(skip, program, `makes ${type} images`), args, { stdio: 'ignore' });
  rmSync(directory, { recursive: true });
  return path;
}

const isLetGo = (path: string) =>
  vi.waitFor(() => expect(loopFiles().filter((name) => name.startsWith(path))).toEqual([]), PATIENCE);

describe.each(['squashfs', 'erofs'] as const)('a root from a %s file', (type) => {
  let files: string;
  beforeEach<{ niwad: Niwad }>(({ niwad }) => {
    files = join(niwad.place.files, type);
    rmSync(files, { recursive: true, force: true });
    mkdirSync(files);
  });

  test('can be written over, and the file stays as it is', async ({ niwad, skip }) => {
    const file = makeImage(skip, files, type, 'first');
    const script = 'cat /name; echo mine >/name; cat /name; echo x >/new && cat /new';
    if (canIdmapImage(type)) {
      for (let run = 0; run < 2; run++) expect(await niwad.sh(script, { root: { file } })).toBe('first\nmine\nx');
    } else {
      const { stdout, status } = await niwad.run({ process: { args: ['/bin/sh', '-c', script] }, root: { file } });
      expect(stdout).toBe('first\nfirst\n');
      expect(status.warnings).toEqual([expect.stringContaining('root: the file system of')]);
      expect(await niwad.sh(script, { root: { file }, userns: 'host' })).toBe('first\nmine\nx');
    }
    await isLetGo(file);
  });

  test('can be used as it is, and is then read-only', async ({ niwad, skip }) => {
    const file = makeImage(skip, files, type, 'plain');
    const script = 'cat /name; { echo x >/name; } 2>&1; { echo x >/new; } 2>&1; true';
    const said = await niwad.sh(script, { root: { file, overlay: false } });
    expect(said).toMatch(/^plain\n.*Read-only file system\n.*Read-only file system$/);
    await isLetGo(file);
  });

  test('is replaced for the next container, not for one that runs', async ({ niwad, skip }) => {
    const file = makeImage(skip, files, type, 'old');
    const next = makeImage(skip, files, type, 'new');
    const script = 'echo ready; until test -e /mnt/go; do sleep 0.05; done; cat /name';
    const mounts = [{ type: 'bind' as const, source: files, target: '/mnt' }];
    const { id } = await niwad.start({
      process: { args: ['/bin/sh', '-c', script.replaceAll('sleep', '/bin/busybox sleep')] },
      root: { file },
      mounts,
    });
    await niwad.says(id, 'ready');
    renameSync(next, file);
    expect(await niwad.sh('cat /name', { root: { file } })).toBe('new');
    writeFileSync(join(files, 'go'), '');
    expect((await niwad.output(id)).stdout).toBe('ready\nold\n');
    await niwad.client.wait(id);
    await isLetGo(file);
  });
});

test('a name of a user is refused: nobody has looked into the file', async ({ niwad }) => {
  const spec = { process: { args: ['sh'], user: 'root' }, root: { file: join(niwad.place.files, 'any') } };
  await expect(niwad.run(spec)).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: expect.stringContaining('allowed: numbers: names are not looked up in a root.file'),
  });
});

test('a file that is no image is refused, and so is one that is not there', async ({ niwad }) => {
  const file = join(niwad.place.files, 'no-image');
  writeFileSync(file, 'hsq but not quite');
  await expect(niwad.run({ process: { args: ['sh'] }, root: { file } })).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining('has to be a squashfs or erofs file'),
  });
  await expect(niwad.run({ process: { args: ['sh'] }, root: { file: `${file}-none` } })).rejects.toMatchObject({
    message: expect.stringContaining('there is no such file'),
  });
  expect(loopFiles().filter((name) => name.startsWith(file))).toEqual([]);
});

test('one that ends in a start leaves no loop device', async ({ niwad, skip }) => {
  const file = makeImage(skip, niwad.place.files, 'squashfs', 'fails');
  await expect(niwad.run({ process: { args: ['/none'] }, root: { file } })).rejects.toMatchObject({
    code: 'START_FAILED',
  });
  await isLetGo(file);
});

describe('after a crash of niwad', () => {
  cleanUpDaemons();
  test('the device goes with the container', async ({ skip }) => {
    const place = newPlace();
    const file = makeImage(skip, place.files, 'squashfs', 'crash');
    const niwad = await startDaemon(place);
    const { id } = await niwad.start({ process: { args: ['/bin/busybox', 'sleep', '1000'] }, root: { file } });
    await niwad.stop('SIGKILL');
    expect(loopFiles()).toContain(file);
    const next = await startDaemon(place);
    await next.client.remove(id, { force: true });
    await isLetGo(file);
  });
});
