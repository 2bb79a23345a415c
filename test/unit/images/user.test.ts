import { expect, it } from 'vitest';
import { lookUpUser, userOfImage } from '../../../src/images/user.js';

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

it.each([
  ['33', '33:34'],
  ['33:', '33:34'],
  ['1001', '1001:0'],
  ['1001:', '1001:0'],
  ['33:7', '33:7'],
  [':2000', '0:2000'],
  [':adm', '0:adm'],
  [':', '0:0'],
  ['www-data', 'www-data'],
  ['www-data:', 'www-data'],
])('the user %s of an image is %s', (text, user) => {
  expect(userOfImage(text, read)).toBe(user);
});
