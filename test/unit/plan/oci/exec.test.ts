import { expect, it } from 'vitest';
import { ociExecOps } from '../../../../src/plan/oci/exec.js';

const numbersOf = (linux: object) => {
  const process = { args: ['/x'], cwd: '/', user: { uid: 1000, gid: 1001 } };
  return ociExecOps({ process, linux }, () => []).find(({ name }) => name === 'join_user')?.numbers;
};

it('enters a user namespace as its root, or as its user where the maps have no root', () => {
  const namespaces = [{ type: 'mount' }, { type: 'user' }];
  const maps = (containerID: number) => {
    const map = [{ containerID, hostID: 300_000, size: 2000 }];
    return { namespaces, uidMappings: map, gidMappings: map };
  };
  expect(numbersOf(maps(0))).toEqual([0, 0]);
  expect(numbersOf(maps(10))).toEqual([1000, 1001]);
});

it('enters one that the container has joined as its root: its maps are not known', () => {
  expect(numbersOf({ namespaces: [{ type: 'mount' }, { type: 'user', path: '/u' }] })).toEqual([0, 0]);
});
