import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import type { Errand } from '../../../src/host/errands.js';
import { foundAtOnce } from '../../../src/host/plain-paths.js';
import { reach } from '../../../src/host/reach.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'niwa-plain-')));
const at = (name: string) => join(directory, name);
mkdirSync(at('real/below'), { recursive: true });
writeFileSync(at('file'), '');
symlinkSync('real', at('link'));
afterAll(() => rmSync(directory, { recursive: true }));

const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.').map(Number);
const isFrom = (wanted: number) => major * 1000 + minor >= wanted;
const hasRemote = / - 9p /.test(readFileSync('/proc/self/mountinfo', 'utf8'));
const needsCache = ({ skip }: TestContext) => {
  skip(!isFrom(5012), 'needs Linux 5.12: openat2(2) with RESOLVE_CACHED');
  skip(hasRemote, 'needs a host without mounts of 9p, which may wait');
};
const textOf = (errand: Errand) => foundAtOnce(errand)?.body.toString();

describe('paths that are known at once', () => {
  beforeEach(needsCache);

  it.each(['real', 'real/below', 'file'])('%s, which the kernel remembers', (name) => {
    expect(textOf(['real', at(name)])).toBe(at(name));
  });

  it('one that was a directory and is a link now is followed from then on', async () => {
    const [was, path, other] = [at('was'), at('changes'), at('real')];
    mkdirSync(path);
    expect(textOf(['real', path])).toBe(path);
    renameSync(path, was);
    symlinkSync(other, path);
    const [found] = await reach('user 0', [['real', path]]);
    expect(found?.body.toString()).toBe(other);
    rmSync(path);
    const [gone] = await reach('user 0', [['real', path]]);
    expect(gone?.errno).not.toBe(0);
  });

  it('whether a mount can be id-mapped is asked once', async ({ skip }) => {
    skip(!isFrom(6008), 'needs Linux 6.8: numbers of mounts that are not used again');
    const [first] = await reach('user 0', [['source', at('real')]]);
    expect(first?.body.toString()).toBe(textOf(['source', at('real/below')])?.replace('/below', ''));
    expect(foundAtOnce(['source', '/proc'])).toBeNull();
    await reach('user 0', [['source', '/proc']]);
    expect(textOf(['source', '/proc'])).toBe('0/proc');
  });
});

describe('paths for which niwa-reach is asked', () => {
  it.each([
    ['a link', 'link'],
    ['a path through a link', 'link/below'],
    ['a missing file', 'nowhere'],
  ])('%s', (_, name) => {
    expect(foundAtOnce(['real', at(name)])).toBeNull();
  });

  it.each(['/', '//etc', '/etc/', '/etc/.', '/etc/../etc', '/etc/..', 'etc', '', '/etc\0'])('%j', (path) => {
    expect(foundAtOnce(['real', path])).toBeNull();
  });

  it('what asks more than where a path leads', () => {
    expect(foundAtOnce(['device', '/dev/null'])).toBeNull();
    expect(foundAtOnce(['read', directory, 'file'])).toBeNull();
  });
});

it('the answers stand in the order of the errands, however they were found', async () => {
  const names = ['link', 'real', 'link/below', 'file'];
  const found = await reach(
    'user 0',
    names.map((name): Errand => ['real', at(name)]),
  );
  expect(found.map(({ body }) => body.toString())).toEqual(names.map((name) => realpathSync(at(name))));
});
