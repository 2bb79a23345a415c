import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lookUpUser, readerOf, userOfImage } from '../../../src/images/user.js';

const FILES: Record<string, string> = {
  'etc/passwd':
    'root:x:0:0::/:/bin/sh\nwww-data:x:33:34::/:\nbroken:x:no:1\nminus:x:4294967295:1\nzero:x:4294967296:0\ngroup:x:5:4294967296\n',
  'etc/group': 'root:x:0:\nadm:x:4:a,b\nminus:x:4294967295:\n',
};
const read = (path: string) => (FILES[path] ?? '').split('\n');

it.each([
  ['www-data', { uid: 33, gid: 34 }],
  ['www-data:adm', { uid: 33, gid: 4 }],
  ['www-data:77', { uid: 33, gid: 77 }],
  ['5:adm', { uid: 5, gid: 4 }],
  ['nobody', undefined],
  ['root:nobody', undefined],
  ['broken', undefined],
  ['minus', undefined], // setresuid(2) would change nothing
  ['zero', undefined], // 32 bits of it are root
  ['group', undefined],
  ['5:minus', undefined],
])('%s is looked up', (text, ids) => {
  expect(lookUpUser(text, read)).toEqual(ids);
});

it.each([
  ['33', '33:34'],
  ['33:', '33:34'],
  ['5', '5:4294967296'], // which no spec may have
  ['1001', '1001:0'],
  ['1001:', '1001:0'],
  ['33:7', '33:7'],
  [':2000', '0:2000'],
  [':adm', '0:adm'],
  [':', '0:0'],
  ['www-data', 'www-data'],
  ['www-data:', 'www-data'],
])('the user %s of an image is %s', (text, user) => {
  expect(userOfImage(text, read)).toBe(user);
});

/** Makes 100 layers, each of which has a directory `a` with a file `passwd`, and `etc` as a link in the topmost. */
function layersWithLink(target: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-user-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const layers = Array.from({ length: 100 }, (_, i) => join(directory, String(i)));
  for (const layer of layers) {
    mkdirSync(join(layer, 'a'), { recursive: true });
    writeFileSync(join(layer, 'a/passwd'), 'app:x:5:6::/:/bin/sh');
  }
  symlinkSync(target, join(layers[0] ?? '', 'etc'));
  return layers;
}

it('a file is found through links in many layers', () => {
  expect(readerOf(layersWithLink('a/../a/..//a'))('etc/passwd')).toEqual(['app:x:5:6::/:/bin/sh']);
});

it('links of an image that lead through very many names hold nobody up', () => {
  const read = readerOf(layersWithLink('a/../'.repeat(600).concat('a')));
  const times = [1, 2, 3].map(() => {
    const begun = performance.now();
    expect(read('etc/passwd')).toEqual([]);
    return performance.now() - begun;
  });
  expect(Math.min(...times)).toBeLessThan(50);
});
