import { expect, it } from 'vitest';
import { strangersMay } from '../../../src/host/allowed-directories.js';

const REACH = 'everybody on this host can reach it';
const WRITE = 'everybody on this host can write to it';

it.each([
  [[0o755, 0o755], REACH],
  [[0o711, 0o755], REACH],
  [[0o777, 0o755], WRITE],
  [[0o1777, 0o755], WRITE],
  [[0o750, 0o755], null],
  [[0o776, 0o755], null],
  [[0o777, 0o750, 0o755], null],
  [[0o777, 0o755, 0o700, 0o755], null],
  [[0o755, 0o777], REACH],
])('a directory of the modes %j from below: %s', (modes, words) => {
  expect(strangersMay(modes.map((mode) => mode | 0o040000))).toBe(words);
});
