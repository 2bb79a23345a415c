import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TarEntry } from '../../../src/images/tar/entry.js';
import { readTar } from '../../../src/images/tar/reader.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import { member, paxOf, streamOf, tarOf } from './make-tar.js';

async function read(bytes: Buffer, size?: number): Promise<(TarEntry & { data: string })[]> {
  const found = [];
  for await (const { entry, contents } of readTar(streamOf(bytes, size))) {
    const data = Buffer.alloc(Math.min(entry.size, 1e6));
    for await (const piece of contents) piece.data.copy(data, piece.offset);
    found.push({ ...entry, data: data.toString() });
  }
  return found;
}

const refused = (bytes: Buffer) => expect(read(bytes)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });

describe('a tar', () => {
  it('is read as its headers say, in pieces of any size', async () => {
    const bytes = tarOf(
      { path: 'etc/', type: '5', mode: 0o755 },
      { path: 'etc/x', data: 'hello', uid: 33, gid: 34, mode: 0o4711, mtime: 77 },
      { path: 'l', type: '2', target: '/etc/x' },
      { path: 'h', type: '1', target: 'etc/x' },
      { path: 'p', type: '6' },
    );
    for (const size of [1, 7, 512, 100_000]) {
      const entries = await read(bytes, size);
      expect(entries.map(({ type, path, target }) => [type, path, target])).toEqual([
        ['directory', 'etc/', ''],
        ['file', 'etc/x', ''],
        ['symlink', 'l', '/etc/x'],
        ['link', 'h', 'etc/x'],
        ['fifo', 'p', ''],
      ]);
      expect(entries[1]).toMatchObject({ data: 'hello', uid: 33, gid: 34, mode: 0o4711, mtimeSec: 77, size: 5 });
    }
  });

  it('has long names, times with fractions, large ids and attributes in extended headers', async () => {
    const [entry] = await read(
      tarOf({
        path: 'short',
        data: 'x',
        pax: {
          path: `${'d/'.repeat(200)}f\xc3\xa9`,
          mtime: '-1.25',
          uid: '4000000000',
          'SCHILY.xattr.user.a': Buffer.from([0, 10, 61, 255]),
        },
      }),
    );
    expect(entry?.path).toHaveLength(400 + Buffer.from('f\xc3\xa9').length);
    expect(entry).toMatchObject({ mtimeSec: -2, mtimeNsec: 750_000_000, uid: 4_000_000_000 });
    expect(entry?.xattrs).toEqual([{ name: 'user.a', value: Buffer.from([0, 10, 61, 255]) }]);
  });

  it('of GNU tar is read: long names, and sparse files of each format', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'niwa-tar-'));
    try {
      const long = 'n'.repeat(150);
      writeFileSync(join(directory, long), 'long');
      execFileSync('sh', [
        '-c',
        `cd ${directory}; i=1; while [ $i -lt 40 ]; do
        printf "at $i" | dd of=holes bs=1 seek=$((i * 9000)) conv=notrunc status=none; i=$((i + 1)); done
        truncate -s 400000 holes`,
      ]);
      const formats = [
        '--format=gnu',
        '--format=pax --sparse-version=0.0',
        '--format=pax --sparse-version=0.1',
        '--format=pax',
      ];
      for (const format of formats) {
        const tar = execFileSync('sh', ['-c', `tar -C ${directory} --sparse ${format} -cf - ${long} holes`], {
          maxBuffer: 1e7,
        });
        const [first, second] = await read(tar);
        expect(first).toMatchObject({ path: long, data: 'long' });
        expect(second).toMatchObject({ path: 'holes', size: 400_000 });
        expect(second?.data.slice(39 * 9000, 39 * 9000 + 5)).toBe('at 39');
        expect(second?.data.slice(9000, 9005)).toBe('at 1\0');
        expect(tar.length).toBeLessThan(300_000);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is passed over where nobody reads its files', async () => {
    const paths = [];
    const bytes = tarOf({ path: 'a', data: 'x'.repeat(5000) }, { path: 'b', data: 'y' });
    for await (const { entry } of readTar(streamOf(bytes))) paths.push(entry.path);
    expect(paths).toEqual(['a', 'b']);
  });
});

describe('a hostile tar', () => {
  it('is refused where it is cut', async () => {
    const bytes = member({ path: 'a', data: 'x'.repeat(600) });
    for (const length of [100, 511, 600, 1111]) await refused(bytes.subarray(0, length));
  });

  it('is refused where a header is not its checksum', async () => {
    const bytes = tarOf({ path: 'a' });
    bytes[0] = 98;
    await refused(bytes);
  });

  it('is refused with a NUL in a name, an empty name, a name without end', async () => {
    await refused(tarOf({ path: 'a', pax: { path: 'a\0b' } }));
    await refused(tarOf({ path: '' }));
    await refused(tarOf({ path: 'a', pax: { path: 'x'.repeat(5000) } }));
    await refused(tarOf({ path: 'a', type: '2' }));
  });

  it('is refused with sizes and ids that are none', async () => {
    await refused(tarOf({ path: 'a', pax: { size: '99999999999999999999' } }));
    await refused(tarOf({ path: 'a', pax: { size: '-1' } }));
    await refused(tarOf({ path: 'a', pax: { uid: '4294967295' } }));
    await refused(tarOf({ type: 'x', path: 'p', size: 2 ** 30 }));
    await refused(tarOf({ type: 'L', path: 'p', size: 2 ** 30 }));
  });

  it('is refused with an unknown type of member', async () => {
    await refused(tarOf({ path: 'a', type: 'D' }));
  });

  it('is refused with a map of holes that contradicts itself', async () => {
    const sparse = (map: string, size = '100') =>
      tarOf({ path: 'a', data: 'x'.repeat(10), pax: { 'GNU.sparse.size': size, 'GNU.sparse.map': map } });
    expect(await read(sparse('5,10'))).toMatchObject([{ size: 100 }]);
    await refused(sparse('5,20'));
    await refused(sparse('95,10'));
    await refused(sparse('5,5,5,5'));
    await refused(sparse('9,5,0,5'));
    await refused(sparse('5,10,1'));
    await refused(sparse('5,x'));
    const one = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '10' };
    await refused(tarOf({ path: 'a', data: '9999999\n', pax: one }));
    await refused(tarOf({ path: 'a', data: '0\n'.padEnd(512, '\0'), pax: { 'GNU.sparse.major': '1' } })); // of no size
    await refused(tarOf({ path: 'a', data: 'x'.repeat(2000), pax: one }));
  });

  it('of any bytes is read or refused, and nothing else', async () => {
    const base = tarOf(
      { path: 'etc/x', data: 'hello', pax: { mtime: '1.5', 'SCHILY.xattr.user.a': 'b' } },
      {
        path: 's',
        data: '1\n0\n512\n'.padEnd(1024, '\0'),
        pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '512' },
      },
      { path: 'S', type: 'S' },
    );
    const changes = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(base.length), async (bytes, end) => {
        const changed = Buffer.from(base.subarray(0, end));
        for (const [at, value] of bytes) if (at < changed.length) changed[at] = value;
        for (let at = 0; at + 512 <= changed.length; at += 512) fixChecksum(changed.subarray(at, at + 512));
        await read(changed).catch((error: unknown) => {
          if (!(error instanceof NiwaError)) throw error;
        });
      }),
      { numRuns: 400 },
    );
  });

  it('has records that are read or refused, whatever they are', async () => {
    const records = fc.dictionary(
      fc.constantFrom(
        'path',
        'size',
        'uid',
        'mtime',
        'GNU.sparse.size',
        'GNU.sparse.map',
        'GNU.sparse.major',
        'linkpath',
      ),
      fc.string({ maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(records, async (pax) => {
        await read(tarOf({ path: 'a', data: 'abc', pax })).catch((error: unknown) => {
          if (!(error instanceof NiwaError)) throw error;
        });
      }),
      { numRuns: 400 },
    );
    expect(paxOf({ a: 'b' }).toString()).toBe('6 a=b\n');
  });
});

/** So that changes get past the first check. */
function fixChecksum(block: Buffer): void {
  if (block.toString('latin1', 257, 262) !== 'ustar') return;
  block.fill(' ', 148, 156);
  block.write(
    block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0'),
    148,
    'latin1',
  );
}
