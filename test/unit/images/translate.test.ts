import { describe, expect, it } from 'vitest';
import type { TarEntry } from '../../../src/images/tar/entry.js';
import { translate } from '../../../src/images/translate.js';
import type { LayerEntry } from '../../../src/kernel/layers.js';
import { refusal } from '../support.js';

const entry = (fields: Partial<TarEntry>): TarEntry => ({
  type: 'file',
  path: 'a',
  target: '',
  mode: 0o644,
  uid: 1,
  gid: 2,
  mtimeSec: 3,
  mtimeNsec: 4,
  size: 0,
  xattrs: [],
  ...fields,
});
const made = (fields: Partial<TarEntry>) => {
  const result = translate(entry(fields));
  return result === null || result === 'device'
    ? result
    : [result.kind, result.path.toString('latin1'), result.target.toString('latin1')];
};

describe('a member of a layer', () => {
  it('has its place below the root, however the path is written', () => {
    expect(made({ path: './usr//bin/x' })).toEqual(['file', 'usr/bin/x', '']);
    expect(made({ path: '/usr/bin/x' })).toEqual(['file', 'usr/bin/x', '']);
    expect(made({ path: './', type: 'directory' })).toEqual(['directory', '', '']);
    expect(made({ path: 'caf\xe9' })).toEqual(['file', 'caf\xe9', '']);
  });

  it('keeps where a symbolic link leads, and brings a hard link below the root', () => {
    expect(made({ type: 'symlink', target: '/../x' })).toEqual(['symlink', 'a', '/../x']);
    expect(made({ type: 'link', target: './b/c' })).toEqual(['link', 'a', 'b/c']);
  });

  it('is a whiteout or an opaque directory by its name', () => {
    expect(made({ path: 'd/.wh.gone' })).toEqual(['whiteout', 'd/gone', '']);
    expect(made({ path: 'd/.wh..wh..opq' })).toEqual(['opaque', 'd', '']);
    expect(made({ path: '.wh..wh..opq' })).toEqual(['opaque', '', '']);
    expect(made({ path: '.wh..wh.plnk', type: 'directory' })).toBeNull();
  });

  it('loses the attributes that are the business of the host or of overlayfs', () => {
    const names = ['user.a', 'security.capability', 'trusted.overlay.opaque', 'trusted.x', 'security.selinux', 'user.'];
    const xattrs = names.map((name) => ({ name, value: Buffer.from('v') }));
    const kept = translate(entry({ xattrs })) as LayerEntry;
    expect(kept.xattrs.map(([name]) => name.toString())).toEqual(['user.a', 'security.capability', 'user.']);
  });

  it('is left out where it is a device', () => {
    for (const path of ['dev/null', 'x', 'dev', 'chroot/dev/null'])
      expect([made({ type: 'char', path }), made({ type: 'block', path })]).toEqual(['device', 'device']);
  });

  it.each(['../a', 'a/../b', '..', '.wh...', '.wh..', '.wh.', '.wh.d/a', 'd/../../etc/passwd'])(
    'is refused as %s',
    (path) => {
      expect(refusal(() => made({ path })).code).toBe('IMAGE_INVALID');
    },
  );

  it('is refused where it links to what is above the root', () => {
    expect(refusal(() => made({ type: 'link', target: '../../etc/shadow' })).code).toBe('IMAGE_INVALID');
  });
});
