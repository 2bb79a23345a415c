// @module-tag vm
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { needsFile, type Skip } from './support/host.js';
import { makeRoot } from './support/roots.js';
import { test } from './support/test.js';

/** An ext4 with project quotas, in a file. */
let disk: string;
let mountPoint: string;
let refused = '';
beforeAll(() => {
  disk = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-test-quota-'));
  mountPoint = join(disk, 'mounted');
  mkdirSync(mountPoint);
  const image = join(disk, 'image');
  writeFileSync(image, '');
  truncateSync(image, 64 * 2 ** 20);
  try {
    execFileSync('mkfs.ext4', ['-q', '-O', 'project,quota', image], { stdio: 'pipe' });
    execFileSync('mount', ['-o', 'loop,prjquota', image, mountPoint], { stdio: 'pipe' });
  } catch (error) {
    refused = String((error as { stderr?: Buffer }).stderr ?? error);
  }
});
afterAll(() => {
  if (refused === '') execFileSync('umount', [mountPoint]);
  rmSync(disk, { recursive: true });
});

function keep(skip: Skip, name: string): string {
  skip(refused !== '', `needs an ext4 with project quotas: ${refused.trim()}`);
  const directory = join(mountPoint, name);
  mkdirSync(directory);
  return directory;
}

const fill = (name: string, count: number) =>
  `/bin/busybox dd if=/dev/zero of=/${name} bs=64k count=${count} 2>&1 | /bin/busybox grep -oE "quota exceeded|No space left" || echo fits`;

/** The limits of our projects, in KiB. */
function limits(): number[] {
  return execFileSync('repquota', ['-P', '-n', '-v', mountPoint], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^#[0-9]+ +\S+ +[0-9]+ +[0-9]+ +([0-9]+)/.exec(line))
    .flatMap((match) => (match === null ? [] : [Number(match[1])]))
    .filter((limit) => limit > 0);
}

describe('the size of a directory that keeps what is written', () => {
  test('bounds bytes and files, counts what is there already, and ends with the container', async ({ niwad, skip }) => {
    const directory = keep(skip, 'kept');
    const path = makeRoot(skip, join(niwad.place.files, 'quota-root'));
    const sized = { path, overlay: { directory, size: '2M' } };
    const report = needsFile(skip, '/usr/sbin/repquota', 'shows quotas');
    expect(report).not.toBe('');

    expect(await niwad.sh(fill('a', 16), { root: sized })).toBe('fits');
    expect(limits()).toEqual([]);
    expect(await niwad.sh(`${fill('b', 8)}; ${fill('c', 32)}`, { root: sized })).toMatch(
      /^fits\n(quota exceeded|No space left)$/,
    );
    const bomb = 'i=0; while echo x >/f$i; do i=$((i + 1)); done 2>/dev/null; test $i -lt 2000 && echo bounded';
    expect(await niwad.sh(`/bin/busybox rm /a /b /c; ${bomb}`, { root: sized })).toBe('bounded');
    expect(limits()).toEqual([]);
    expect(await niwad.sh(fill('d', 64), { root: { path, overlay: { directory } } })).toBe('fits');
  });
});

describe('after a crash of niwad', () => {
  cleanUpDaemons();
  test('the next one takes the limit away with the container', async ({ skip }) => {
    const directory = keep(skip, 'crash');
    const place = newPlace();
    const path = makeRoot(skip, join(place.files, 'root'));
    const niwad = await startDaemon(place);
    const { id } = await niwad.start({
      process: { args: ['/bin/busybox', 'sleep', '1000'] },
      root: { path, overlay: { directory, size: '2M' } },
    });
    await niwad.stop('SIGKILL');
    expect(limits()).toEqual([2048]);
    const next = await startDaemon(place);
    await next.client.remove(id, { force: true });
    expect(limits()).toEqual([]);
  });
});
