import { expect, it } from 'vitest';
import { parseMountinfo } from '../../../src/plan/mountinfo.js';

it('reads the lines of a mountinfo file', () => {
  const text = String.raw`36 35 98:0 /a\040b /mnt\134c rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue
25 20 0:23 / / rw - cgroup2 cgroup2 rw
`;
  expect(parseMountinfo(text)).toEqual([
    {
      ...{ id: '36', parent: '35', device: '98:0', root: '/a b', point: '/mnt\\c' },
      ...{ type: 'ext3', source: '/dev/root', options: ['rw', 'errors=continue'] },
    },
    {
      ...{ id: '25', parent: '20', device: '0:23', root: '/', point: '/' },
      ...{ type: 'cgroup2', source: 'cgroup2', options: ['rw'] },
    },
  ]);
});
