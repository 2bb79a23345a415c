import fc from 'fast-check';
import { expect, it } from 'vitest';
import { table } from '../../../src/cli/table.js';
import { cut, pad, plain, widthOf } from '../../../src/cli/text.js';

it('cuts between characters, never through one', () => {
  expect(cut('abcdef', 4)).toBe('abc…');
  expect(cut('abcdef', 6)).toBe('abcdef');
  expect(cut('中文字', 4)).toBe('中…');
  expect(cut('中文字', 5)).toBe('中文…');
  expect(cut('👩‍👩‍👧x', 2)).toBe('…');
  expect(cut('abc', 0)).toBe('');
});

it('is never wider than asked', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.nat(12),
      (text, width) => widthOf(cut(plain(text), width)) <= width,
    ),
  );
});

it('fills up to a width in columns, in tables too', () => {
  expect([pad('中', 4), pad('7', 3, true), pad('long', 2)]).toEqual(['中  ', '  7', 'long']);
  expect(
    table(
      ['A', 'B'],
      [
        ['中文', '1'],
        ['x', '22'],
      ],
      [1],
    ).text(),
  ).toBe('A      B\n中文   1\nx     22');
});
