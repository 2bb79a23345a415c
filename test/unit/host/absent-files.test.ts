import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { absentFiles } from '../../../src/host/absent-files.js';
import { BUILT_IN } from '../../../src/plan/protected-files.js';

it('names those files of the kernel itself that this machine does not have', () => {
  const absent = absentFiles();
  expect(BUILT_IN.filter((path) => !absent.includes(path)).every((path) => existsSync(path))).toBe(true);
  expect(absent.filter((path) => existsSync(path))).toEqual([]);
  expect(absent.filter((path) => !(BUILT_IN as readonly string[]).includes(path))).toEqual([]);
});
