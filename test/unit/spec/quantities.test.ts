import { expect, it } from 'vitest';
import { durationUsec, sizeBytes } from '../../../src/spec/quantities.js';
import { refusal } from '../support.js';

it('gives microseconds and bytes', () => {
  expect([durationUsec('1h30m'), durationUsec(0.5), sizeBytes('1.5K'), sizeBytes(7)]).toEqual([5400e6, 500e3, 1536, 7]);
});

it.each([
  [() => durationUsec('soon'), 'a duration: found "soon"; allowed: seconds as a number, or a string such as "90s"'],
  [() => durationUsec('999999d'), 'a duration: found "999999d"; allowed: '],
  [() => durationUsec(-1), 'a duration: found -1; allowed: '],
  [() => sizeBytes('9000T'), 'a size: found "9000T"; allowed: bytes as an integer, or a string such as "512M"'],
  [() => sizeBytes(0.5), 'a size: found 0.5; allowed: '],
])('never gives another number: %s', (act, words) => {
  expect(refusal(act)).toMatchObject({ code: 'SPEC_INVALID', message: expect.stringContaining(words) });
});
