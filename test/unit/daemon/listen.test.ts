import { describe, expect, it } from 'vitest';
import { chooseEndpoints, listeningSockets, NO_SOCKETS } from '../../../src/daemon/listen.js';
import { refusal } from '../support.js';

const TABLE = `Num       RefCount Protocol Flags    Type St Inode Path
00000000ae3d24d9: 00000002 00000000 00010000 0001 01 714024 /run/niwa/niwad.sock
00000000ae3d24da: 00000002 00000000 00010000 0001 01     77 /run/with space.sock
00000000ae3d24db: 00000003 00000000 00000000 0001 03 714025 /run/niwa/niwad.sock
00000000ae3d24dc: 00000002 00000000 00000000 0002 01 714026 /run/systemd/notify
00000000ae3d24dd: 00000002 00000000 00010000 0005 01 714027 /run/udev/control
00000000ae3d24de: 00000002 00000000 00010000 0001 01 714028
00000000ae3d24df: 00000002 00000000 00010000 0001 01 714029 @abstract
`;

describe('a listening stream socket', () => {
  it.each<[string, number, string | undefined]>([
    ['a listening one', 714_024, '/run/niwa/niwad.sock'],
    ['one at a path with a space', 77, '/run/with space.sock'],
    ['one without a path', 714_028, ''],
    ['an abstract one', 714_029, '@abstract'],
    ['not a connected one', 714_025, undefined],
    ['not one for datagrams', 714_026, undefined],
    ['not one for packets', 714_027, undefined],
    ['not one of another family', 1, undefined],
  ])('is %s', (_, inode, path) => {
    expect(listeningSockets(TABLE).get(inode)).toBe(path);
  });
});

describe('where niwad listens', () => {
  const paths = { api: '/run/n.sock', oci: '/run/o.sock' };

  it('is its paths where nothing is handed over', () => {
    expect(chooseEndpoints(paths, NO_SOCKETS)).toEqual({
      api: { path: '/run/n.sock', fd: null },
      oci: { path: '/run/o.sock', fd: null },
    });
  });

  it.each([3, 999_999_999_999_999])('is not %d sockets', (count) => {
    const error = refusal(() => chooseEndpoints(paths, { count, names: [] }));
    expect([error.code, error.message]).toEqual([
      'HOST_ERROR',
      expect.stringContaining(`LISTEN_FDS says ${count} sockets; niwad takes one for the API, and one at /run/o.sock`),
    ]);
  });
});
