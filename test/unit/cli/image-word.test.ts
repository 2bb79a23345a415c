import { expect, it } from 'vitest';
import { lineWith } from '../../../src/cli/image-word.js';

it.each([
  ['run nginx', 'niwa run --image nginx'],
  ['run -d -p 80:80 nginx', 'niwa run -d -p 80:80 --image nginx'],
  ['run --rm -- nginx sh -c x', 'niwa run --rm --image nginx -- sh -c x'],
  ['create nginx a;b', "niwa create --image nginx -- 'a;b'"],
])('niwa %s is written as %s', (line, words) => {
  const argv = line.split(' ');
  expect(lineWith('nginx', argv.slice(argv.indexOf('nginx') + 1), argv)).toBe(words);
});
