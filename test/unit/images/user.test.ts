import { expect, it } from 'vitest';
import { groupOfUser, lookUpUser } from '../../../src/images/user.js';

const FILES: Record<string, string> = {
  'etc/passwd': 'root:x:0:0::/:/bin/sh\nwww-data:x:33:34::/:\nbroken:x:no:1\n',
  'etc/group': 'root:x:0:\nadm:x:4:a,b\n',
};
const read = (path: string) => (FILES[path] ?? '').split('\n');

it.each([
  ['www-data', { uid: 33, gid: 34 }],
  ['www-data:adm', { uid: 33, gid: 4 }],
  ['www-data:77', { uid: 33, gid: 77 }],
  ['5:adm', { uid: 5, gid: 4 }],
  ['nobody', undefined],
  ['root:nobody', undefined],
  ['broken', undefined],
])('%s is looked up', (text, ids) => {
  expect(lookUpUser(text, read)).toEqual(ids);
});

it('gives the user of an image the group of its entry, or 0', () => {
  expect([33, 1001].map((uid) => groupOfUser(uid, read))).toEqual([34, 0]);
});
