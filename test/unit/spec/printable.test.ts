import { expect, it } from 'vitest';
import { escaped, plain } from '../../../src/spec/printable.js';

it('lets nothing through that a terminal would act on', () => {
  expect(plain('a\x1b[2Jb\x07\x9bc\u202ed\nе 中 é')).toBe('a?[2Jb??c?d?е 中 é');
});

it('writes what a terminal would act on as JSON does, and leaves lines and their meaning', () => {
  const text = 'a\x1b[2J\tb\x9b\u202ed\n中 \u{1f600}';
  expect(escaped(text)).toBe('a\\u001b[2J\tb\\u009b\\u202ed\n中 \u{1f600}');
  expect(JSON.parse(escaped(JSON.stringify({ text }, null, 2)))).toEqual({ text });
});
