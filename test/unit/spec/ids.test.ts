import { expect, it } from 'vitest';
import { parseId } from '../../../src/spec/ids.js';

it.each([
  ['0', 0],
  ['0012', 12],
  ['4294967294', 4_294_967_294],
])('%s is an id', (text, id) => {
  expect(parseId(text)).toBe(id);
});

it.each([undefined, '', ' 1', '-1', '1.5', '0x1', '4294967295', '4294967296', '99999999999'])('%j is none', (text) => {
  expect(parseId(text)).toBe(undefined);
});
