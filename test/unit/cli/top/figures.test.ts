import fc from 'fast-check';
import { expect, it } from 'vitest';
import { percent, shortBytes, shortTime } from '../../../../src/cli/top/figures.js';

it.for<[number, string]>([
  [0, '0'],
  [512, '512'],
  [999, '999'],
  [1000, '1.0K'],
  [1536, '1.5K'],
  [64 * 2 ** 20, '64M'],
  [1023 * 2 ** 20, '1.0G'],
  [9.96 * 2 ** 30, '10G'],
])('writes %d bytes as %s', ([bytes, text]) => {
  expect(shortBytes(bytes)).toBe(text);
});

it('needs four columns for bytes at most', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 2 ** 53, noNaN: true }), (bytes) => shortBytes(bytes).length <= 4));
});

it.for<[number, string]>([
  [0, '0'],
  [0.0254, '2.5'],
  [0.0996, '10'],
  [0.25, '25'],
  [16, '1600'],
])('writes %d as %s percent', ([part, text]) => {
  expect(percent(part)).toBe(text);
});

it.for<[number, string]>([
  [-5, '0s'],
  [42_999, '42s'],
  [60_000, '1m00s'],
  [754_000, '12m34s'],
  [3_720_000, '1h02m'],
  [26 * 3_600_000, '1d02h'],
  [400 * 86_400_000, '400d'],
])('writes %d ms as %s', ([ms, text]) => {
  expect(shortTime(ms)).toBe(text);
});

it('needs six columns for times of up to 270 years', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 270 * 365 * 86_400e3, noNaN: true }), (ms) => shortTime(ms).length <= 6),
  );
});
