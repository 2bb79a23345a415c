import { expect, test } from 'vitest';
import { excessOf } from '../../../src/spec/filter-size.js';

const condition = (index: number) => ({ index });
const rule = (args: { index: number }[], names = ['read']) => ({ names, args });
const rules = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const several = () => rule([0, 1, 2].map(condition));

test('a filter of the size that engines write is taken', () => {
  const names = rules(100, (i) => `call${i}`);
  expect(excessOf(rules(40, () => rule([], names)))).toBeUndefined();
  expect(excessOf(rules(64, () => rule([condition(0)])))).toBeUndefined();
  expect(excessOf(rules(4, several))).toBeUndefined();
});

test.for([
  ['conditions of rules that have several', rules(5, several), '[4]', 12],
  ['rules of one condition', rules(65, (i) => rule([condition(i % 6)])), '[64]', 64],
  ['rules for each of many conditions', [rule(Array(65).fill(condition(0)))], '[0]', 64],
  ['conditions', rules(257, (i) => rule([condition(0)], [`call${i}`])), '', 256],
  ['conditions of many names', [rule([condition(0)], Array(257).fill('read'))], '', 256],
  ['names', [rule([], Array(10_001).fill('read'))], '', 10_000],
] as const)('too many %s are too much', ([, syscalls, at, most]) => {
  expect(excessOf(syscalls)).toMatchObject({ at, most });
});

test('a call is named, and a long name is cut', () => {
  expect(excessOf(rules(5, several))?.what).toContain('the call "read"');
  const long = excessOf([rule(Array(65).fill(condition(0)), ['a'.repeat(1000)])]);
  expect(long?.what.length).toBeLessThan(150);
});
