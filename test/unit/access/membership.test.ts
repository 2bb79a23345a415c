import { describe, expect, it } from 'vitest';
import { isListed, Membership } from '../../../src/access/membership.js';

const FILES = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice,,,:/:/bin/sh\npanel:x:200:27::/:/bin/sh\nali:x:10:10::/:\n',
  group: 'root:x:0:\nniwa:x:27:bob,alice\nempty:x:28:\nother:x:127:ali\n',
};

describe('a member of a group', () => {
  it.each([
    ['by its list', 1000, 27, true],
    ['as the primary group', 200, 27, true],
    ['no member of another group', 1000, 127, false],
    ['a user whose name begins that of a member', 10, 27, false],
    ['a user without a name', 1001, 27, false],
    ['nobody of an empty list', 1000, 28, false],
    ['nobody of an unknown group', 1000, 29, false],
  ])('%s', (_, uid, gid, is) => {
    expect(isListed(uid, gid, FILES)).toBe(is);
  });

  it('is known by the files of this machine', async () => {
    const here = new Membership(0);
    expect(await here.has({ uid: 0, gid: 0 })).toBe(false); // root needs no group
    expect(await here.has({ uid: 4_000_000, gid: 0 })).toBe(false);
  });

  it('nobody is one where the configuration names no group', async () => {
    const nobody = new Membership(null, async () => FILES);
    await expect(nobody.requireStill({ uid: 1000, gid: 1000 }, true)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await nobody.requireStill({ uid: 1000, gid: 1000 }, false);
  });
});
