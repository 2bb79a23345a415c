import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unpackLayer } from '../../src/images/unpack.js';
import { streamOf, tarOf, type Written } from '../unit/images/make-tar.js';
import { needsFile } from './support/host.js';
import { applyLayer, emptyRoot, linesOf } from './support/layer-model.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-test-model-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const target = fc.constantFrom('a', '../b', '/c', 'b/./a', '/a/../../b', 'c/b');
const status = { uid: fc.nat(5), mtime: fc.integer({ min: 1, max: 9 }) };
const mode = fc.constantFrom(0o700, 0o755, 0o1777);
const member: fc.Arbitrary<Written> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ path, ...status, mode, data: fc.nat(50).map((size) => 'x'.repeat(size)) }) },
  { weight: 3, arbitrary: fc.record({ path, ...status, mode, type: fc.constant('5') }) },
  { weight: 2, arbitrary: fc.record({ path, ...status, type: fc.constant('2'), target }) },
  { weight: 2, arbitrary: fc.record({ path, type: fc.constant('1'), target: path }) },
  { weight: 2, arbitrary: path.map((text) => ({ path: text.replace(/([^/]+)$/, '.wh.$1') })) },
  { weight: 1, arbitrary: fc.record({ path: path.map((text) => `${text}/.wh..wh..opq`) }) },
  { weight: 1, arbitrary: fc.constantFrom({ path: '.wh..wh..opq' }, { path: './', type: '5', mode: 0o711, mtime: 7 }) },
);
const layers = fc.array(fc.array(member, { maxLength: 8 }), { minLength: 1, maxLength: 4 });
/** Some layers come again, as the same in an image may. */
const image = fc
  .tuple(layers, fc.array(fc.nat(3), { maxLength: 3 }))
  .map(([some, again]) => [...some, ...again.map((i) => some[i % some.length] ?? [])]);

/** What the plain model shows of layers, and the layers without what contradicts the rest of them. */
function modelOf(all: Written[][]): { lines: string[]; sound: Written[][] } {
  let tree = emptyRoot();
  const sound = all.map((members) => {
    const { root, applied } = applyLayer(tree, members);
    tree = root;
    return applied;
  });
  return { lines: linesOf(tree).sort(), sound };
}

/** Unpacks layers, each over those before, and lists what an overlay shows of them. */
async function shownOf(all: Written[][]): Promise<string[]> {
  const place = mkdtempSync(join(directory, 'case-'));
  const below: string[] = [];
  for (const [i, members] of all.entries()) {
    const layer = join(place, String(i));
    mkdirSync(layer);
    const budget = { bytes: 1e6, entries: 1e4 };
    const unpacking = { directory: layer, below: [...below], budget, report: () => {}, warn: () => {} };
    await unpackLayer(streamOf(tarOf(...members)), unpacking);
    below.unshift(layer);
  }
  for (const extra of ['empty', 'shown']) mkdirSync(join(place, extra));
  const lower = [...below.map((layer) => layer.slice(place.length + 1)), 'empty'].join(':');
  const list = 'find . -printf "%p %y %m %U %T@ %s %l\\n"';
  const script = `mount -t overlay overlay -o lowerdir=${lower},index=off,metacopy=off shown && cd shown && ${list}`;
  const { stdout } = await execa('unshare', ['--mount', 'sh', '-c', script], { cwd: place });
  rmSync(place, { recursive: true });
  return stdout.split('\n');
}

/** Leaves out what is not told of both: the size of a directory, the time of one that nobody names. */
function comparable(line: string, model: string): string {
  const [file, type, bits, uid, time, size, ...rest] = line.split(' ');
  const told = model.split(' ')[4] === '-' ? '-' : Number(time);
  return [file, type, bits, uid, told, type === 'f' ? size : '-', ...rest].join(' ');
}

test('layers show what they say, applied in their order', async () => {
  await fc.assert(
    fc.asyncProperty(image, async (all) => {
      const { lines, sound } = modelOf(all);
      const byPath = new Map(lines.map((line) => [line.split(' ')[0], line]));
      const shown = (await shownOf(sound)).map((line) => comparable(line, byPath.get(line.split(' ')[0]) ?? ''));
      expect(shown.sort()).toEqual(lines);
    }),
    { numRuns: 40 },
  );
}, 120_000);

test('attributes go along: of a directory that a layer does not name, of a file that a hard link is to', async ({
  skip,
}) => {
  const getfattr = needsFile(skip, '/usr/bin/getfattr', 'not installed');
  const [below, above] = ['below', 'above'].map((each) => join(directory, each)) as [string, string];
  const pax = (note: string) => ({ 'SCHILY.xattr.user.note': note });
  const layers = {
    [below]: [
      { path: './', type: '5', mode: 0o711, pax: pax('root') },
      { path: 'd/', type: '5', pax: pax('d') },
      { path: 'e/', type: '5', pax: pax('e') },
      { path: 'f', data: 'x', pax: pax('f') },
    ],
    [above]: [
      { path: 'd/x', data: '' },
      { path: 'e/x', data: '' },
      { path: 'e/', type: '5' },
      { path: 'g', type: '1', target: 'f' },
    ],
  };
  for (const [place, members] of Object.entries(layers)) {
    mkdirSync(place);
    const unpacking = { directory: place, below: place === above ? [below] : [], report: () => {}, warn: () => {} };
    await unpackLayer(streamOf(tarOf(...members)), { ...unpacking, budget: { bytes: 1e6, entries: 1e4 } });
  }
  const { stdout } = await execa(getfattr, ['-R', '-d', '-m', 'user', '.'], { cwd: above });
  expect(
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .sort(),
  ).toEqual(
    [
      ...['.', 'd', 'f', 'g'].map((name) => `# file: ${name}`),
      ...['d', 'f', 'f', 'root'].map((v) => `user.note="${v}"`),
    ].sort(),
  );
  expect(statSync(above).mode & 0o777).toBe(0o711);
});
