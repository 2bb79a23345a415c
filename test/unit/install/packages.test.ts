import { expect, it } from 'vitest';
import { runtimePackages } from '../../../bin/install/packages.mjs';

const packages = (folders: Record<string, string[]>) =>
  Object.fromEntries(
    Object.entries(folders).map(([folder, names]) => [
      folder,
      { dependencies: Object.fromEntries(names.map((name) => [name, '*'])) },
    ]),
  );

it('what runs is followed through nested folders; what builds, tests or is not there is left out', () => {
  expect(
    runtimePackages(
      packages({
        '': ['a', '@s/b', 'cmake-js'],
        'node_modules/a': ['c'],
        'node_modules/@s/b': ['c', 'optional'],
        'node_modules/@s/b/node_modules/c': ['d'],
        'node_modules/c': ['a'],
        'node_modules/d': [],
        'node_modules/@s/b/node_modules/c/node_modules/x': [],
        'node_modules/cmake-js': ['tar'],
        'node_modules/tar': [],
        'node_modules/vitest': [],
      }),
    ),
  ).toEqual([
    'node_modules/@s/b',
    'node_modules/@s/b/node_modules/c',
    'node_modules/a',
    'node_modules/c',
    'node_modules/d',
  ]);
});
