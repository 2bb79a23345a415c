import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { type Errand, writeSource } from '../../../src/host/errands.js';
import { foundAtOnce, learn } from '../../../src/host/plain-paths.js';
import { reach } from '../../../src/host/reach.js';
import { kernel } from '../../../src/kernel/addon.js';
import { ADDON } from '../../../src/kernel/programs.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'niwa-plain-')));
const at = (name: string) => join(directory, name);
mkdirSync(at('real/below'), { recursive: true });
writeFileSync(at('file'), '');
symlinkSync('real', at('link'));
afterAll(() => rmSync(directory, { recursive: true }));

const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.').map(Number);
const isFrom = (wanted: number) => major * 1000 + minor >= wanted;
const NEEDS_CACHE = 'needs Linux 5.12: openat2(2) with RESOLVE_CACHED';
const NEEDS_NUMBERS = 'needs Linux 6.8: numbers of mounts that are not used again';
/** The root is always in memory. */
const needsCache = ({ skip }: TestContext) => {
  skip(!isFrom(5012), NEEDS_CACHE);
  skip(kernel.host.plainMount('/') < 0, 'needs a host without mounts that may wait, such as NFS');
};
const openFiles = () => readdirSync('/proc/self/fd').flatMap((fd) => targetOf(`/proc/self/fd/${fd}`));
const targetOf = (link: string) => {
  try {
    return [readlinkSync(link)];
  } catch {
    return []; // it is closed by now
  }
};
const textOf = (errand: Errand) => foundAtOnce(errand)?.body.toString();

describe('paths that are known at once', () => {
  beforeEach(needsCache);

  it.each(['real', 'real/below', 'file'])('%s, which the kernel remembers', (name) => {
    expect(textOf(['real', at(name)])).toBe(at(name));
  });

  it('which file is there, with the words of niwa-reach, which is asked where a link leads to it', async () => {
    const { dev, ino } = statSync(at('real'));
    expect(textOf(['identity', at('real')])).toBe(`${dev} ${ino}`);
    expect(textOf(['identity', at('link')])).toBeUndefined();
    const [asked] = await reach('user 0', [['identity', at('link')]]);
    expect(asked?.body.toString()).toBe(`${dev} ${ino}`);
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

  it('are not held open', async () => {
    for (let i = 0; i < 1000; i++) for (const name of ['real', 'file']) foundAtOnce(['real', at(name)]);
    await expect.poll(() => openFiles().filter((path) => path.startsWith(directory))).toEqual([]);
  });

  it('whether a mount can be id-mapped is asked once', async ({ skip }) => {
    skip(!isFrom(6008), NEEDS_NUMBERS);
    const [first] = await reach('user 0', [['source', at('real')]]);
    expect(first?.body.toString()).toBe(textOf(['source', at('real/below')])?.replace('/below', ''));
    expect(foundAtOnce(['source', '/proc'])).toBeNull();
    const mount = kernel.host.plainMount('/proc');
    const [found] = await reach('user 0', [['source', '/proc']]);
    expect(found?.body).toEqual(writeSource({ canIdmap: false, mount, path: '/proc' }));
    expect(foundAtOnce(['source', '/proc'])).toEqual(found);
  });

  it('what is found out about a mount counts for that mount alone, and only where it could be tried', ({ skip }) => {
    skip(!isFrom(6008), NEEDS_NUMBERS);
    const errands: Errand[] = [['source', '/sys']];
    const learnt = (canIdmap: boolean | null, mount: number) => {
      learn(errands, [{ errno: 0, body: writeSource({ canIdmap, mount, path: '/sys' }) }]);
      return textOf(['source', '/sys']);
    };
    const mount = kernel.host.plainMount('/sys');
    expect(learnt(true, mount + 1_000_000)).toBeUndefined();
    expect(learnt(null, mount)).toBeUndefined();
    expect(learnt(true, mount)).toBe(`1 ${mount} /sys`);
  });
});

describe('a table of mounts', () => {
  beforeEach(({ skip }) => skip(!isFrom(5012), NEEDS_CACHE));

  /** Says whether a path is known at once where these are the types of all mounts. */
  async function isKnown(...types: string[]): Promise<boolean> {
    const input = types
      .map((type, i) => `${i + 2} 1 0:${i} / /m${i} rw,relatime shared:1 - ${type} none rw\n`)
      .join('');
    const script = 'mount -t tmpfs none /proc; mkdir /proc/self; cat > /proc/self/mountinfo; exec "$@"';
    const ask = [process.execPath, '-p', 'require(process.argv[1]).plainMount("/")', ADDON];
    const unshared = ['--user', '--map-root-user', '--mount', 'sh', '-ec', script, 'sh'];
    const { stdout } = await execa('unshare', [...unshared, ...ask], { input });
    return Number(stdout) >= 0;
  }

  it('of file systems that never wait lets paths be known at once', async () => {
    expect(await isKnown('ext4', 'tmpfs', 'fuse.sshfs', 'overlay')).toBe(true);
  });

  it.each(['nfs4', '9p', 'cifs', 'zfs', 'fusex', ''])('with one of another type, %j, does not', async (type) => {
    expect(await isKnown('ext4', type, 'tmpfs')).toBe(false);
  });

  it('that takes long to read does not', async () => {
    expect(await isKnown(...Array.from({ length: 10_000 }, () => 'tmpfs'))).toBe(false);
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
