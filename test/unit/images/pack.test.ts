import { describe, expect, it } from 'vitest';
import { packedAs } from '../../../src/images/pack.js';
import type { TarEntry } from '../../../src/images/tar/entry.js';
import { readTar } from '../../../src/images/tar/reader.js';
import { paddingOf, TAR_END, tarHeader } from '../../../src/images/tar/writer.js';
import { fullReference } from '../../../src/spec/reference.js';
import { streamOf } from './make-tar.js';

const entry = (fields: Partial<TarEntry>): TarEntry => ({
  type: 'file',
  path: 'a',
  target: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSec: 0,
  mtimeNsec: 0,
  size: 0,
  xattrs: [],
  ...fields,
});

describe('a member that is written', () => {
  it.each<[what: string, fields: Partial<TarEntry>]>([
    ['a plain file', { path: 'bin/sh', mode: 0o4755, uid: 5, gid: 6, mtimeSec: 1_700_000_000, size: 3 }],
    ['a directory', { type: 'directory', path: 'etc/', mode: 0o1777 }],
    ['a symbolic link', { type: 'symlink', path: 'l', target: '/x/../y' }],
    ['a hard link', { type: 'link', path: 'l', target: 'bin/sh' }],
    ['long names', { type: 'link', path: `${'d/'.repeat(150)}f`, target: 't'.repeat(300) }],
    ['a name of exactly 100 bytes', { path: 'n'.repeat(100) }],
    ['names that are no UTF-8', { type: 'symlink', path: 'caf\xe9\xff', target: '\x80' }],
    ['a name with a line end', { path: 'a\nb' }],
    ['ids above those of a header', { uid: 4_294_967_294, gid: 2_097_152 }],
    ['nanoseconds', { mtimeSec: 1, mtimeNsec: 500 }],
    ['a time before 1970', { mtimeSec: -2, mtimeNsec: 250_000_000 }],
    ['whole seconds before 1970', { mtimeSec: -7 }],
    [
      'extended attributes of any bytes',
      {
        xattrs: [
          { name: 'security.capability', value: Buffer.from([1, 0, 10, 61, 255]) },
          { name: 'user.a', value: Buffer.alloc(0) },
        ],
      },
    ],
  ])('is read again as it was: %s', async (_, fields) => {
    const written = entry(fields);
    const data = Buffer.alloc(written.size, 'x');
    const tar = Buffer.concat([tarHeader(written), data, paddingOf(written.size), TAR_END]);
    expect(tar.length % 512).toBe(0);
    const read: TarEntry[] = [];
    for await (const member of readTar(streamOf(tar))) read.push(member.entry);
    expect(read).toEqual([written]);
  });

  it('of more than 8 GiB has its size in an extended header', () => {
    const header = tarHeader(entry({ size: 2 ** 33 }));
    expect(header.toString('latin1')).toContain('19 size=8589934592\n');
  });
});

describe('a file of a layer becomes', () => {
  it.each<[what: string, fields: Partial<TarEntry>, members: Partial<TarEntry>[]]>([
    ['itself, without the dot', { path: './etc/a' }, [{ path: 'etc/a', type: 'file' }]],
    [
      'a whiteout',
      { type: 'char', path: './etc/gone', mtimeSec: 5 },
      [{ path: 'etc/.wh.gone', type: 'file', mtimeSec: 0 }],
    ],
    ['a whiteout at the top', { type: 'char', path: './gone' }, [{ path: '.wh.gone', type: 'file', size: 0 }]],
    [
      'an opaque directory with its marker',
      { type: 'directory', path: './d/', xattrs: [{ name: 'trusted.overlay.opaque', value: Buffer.from('y') }] },
      [
        { type: 'directory', path: 'd', xattrs: [] },
        { type: 'file', path: 'd/.wh..wh..opq' },
      ],
    ],
    [
      'a file with the attributes that images keep',
      {
        path: './p',
        xattrs: ['security.capability', 'security.selinux', 'trusted.overlay.origin', 'user.x'].map((name) => ({
          name,
          value: Buffer.from('v'),
        })),
      },
      [{ path: 'p', xattrs: ['security.capability', 'user.x'].map((name) => ({ name, value: Buffer.from('v') })) }],
    ],
    [
      'a hard link below the root',
      { type: 'link', path: './l', target: './bin/sh' },
      [{ path: 'l', target: 'bin/sh' }],
    ],
    ['a symbolic link as it is', { type: 'symlink', path: './l', target: './bin/sh' }, [{ target: './bin/sh' }]],
    ['nothing, for a usual root', { type: 'directory', path: './', mode: 0o755 }, []],
    ['a root with attributes', { type: 'directory', path: './', mode: 0o700 }, [{ path: './', mode: 0o700 }]],
  ])('%s', (_, fields, members) => {
    expect(packedAs(entry(fields))).toMatchObject(members);
  });
});

it.each([
  ['alpine:latest', 'docker.io/library/alpine:latest'],
  ['team/app:1', 'docker.io/team/app:1'],
  ['quay.io/libpod/alpine:latest', 'quay.io/libpod/alpine:latest'],
  ['localhost/app:1', 'localhost/app:1'],
  ['reg:5000/app:1', 'reg:5000/app:1'],
])('the full name of %s is %s', (name, full) => {
  expect(fullReference(name)).toBe(full);
});
