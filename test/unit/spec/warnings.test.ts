import { expect, it } from 'vitest';
import type { Idmap } from '../../../src/protocol/resolved-spec.js';
import { warningsOf } from '../../../src/spec/warnings.js';
import { specOf } from '../support.js';

const withIdmaps = (root: Idmap, mount: Idmap) => {
  const spec = specOf({
    root: { path: '/srv' },
    mounts: [
      { type: 'tmpfs', target: '/t' },
      { type: 'bind', source: '/nfs', target: '/n' },
    ],
  });
  const mounts = spec.mounts.map((item) => (item.type === 'bind' ? { ...item, idmap: mount } : item));
  return { ...spec, root: { ...spec.root, idmap: root }, mounts };
};

it('what is id-mapped, or is not to be, needs no warning', () => {
  expect(warningsOf(withIdmaps(true, false))).toEqual([]);
});

it('what cannot be id-mapped is named with its field', () => {
  expect(warningsOf(withIdmaps('unsupported', 'unsupported')).map((text) => text.slice(0, 40))).toEqual([
    'root: the file system of /srv cannot be ',
    'mounts[1]: the file system of /nfs canno',
  ]);
});

it('a bridged container that has no name server is warned of', () => {
  const withServers = (servers: string[]) => warningsOf(specOf({ network: { dns: { servers } } }));
  expect(withServers(['192.0.2.1'])).toEqual([]);
  expect(withServers([])).toEqual([expect.stringMatching(/^network\.dns\.servers: /)]);
  expect(warningsOf(specOf())).toEqual([]);
});
