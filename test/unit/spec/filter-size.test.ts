import { expect, test } from 'vitest';
import { DEFAULT_PROFILE } from '../../../src/plan/seccomp.js';
import { excessOf } from '../../../src/spec/filter-size.js';

interface Condition {
  index: number;
  value: number | bigint | string;
  op: string;
}
const condition = (index: number, value: Condition['value'] = 0, op = 'SCMP_CMP_GE'): Condition => ({
  index,
  value,
  op,
});
const equal = (index: number, value: Condition['value']) => condition(index, value, 'SCMP_CMP_EQ');
const rule = (args: Condition[], names = ['read']) => ({ names, args });
const rules = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const several = (value: number) => rule([0, 1, 2].map((index) => condition(index, value)));

test('a filter of the size that engines write is taken', () => {
  const names = rules(100, (i) => `call${i}`);
  expect(excessOf(rules(40, () => rule([], names)))).toBeUndefined();
  expect(excessOf(rules(64, () => rule([condition(0)])))).toBeUndefined();
  expect(excessOf(rules(4, several))).toBeUndefined();
  expect(excessOf(rules(8, (i) => rule([0, 1, 2].map((index) => equal(index, i)))))).toBeUndefined();
  expect(excessOf(rules(12, (i) => rule([condition(0, i), condition(1, i)])))).toBeUndefined();
  // how containers/common, which podman has, allows the sockets of netlink but those of audit
  const socket = [[equal(0, 16), equal(2, 9)], [condition(2, 9, 'SCMP_CMP_NE')], [condition(0, 16, 'SCMP_CMP_NE')]];
  expect(excessOf([...socket, ...socket].map((args) => rule(args, ['socket'])))).toBeUndefined();
  expect(excessOf(DEFAULT_PROFILE.syscalls ?? [])).toBeUndefined();
});

test('two conditions that libseccomp takes for one are too much, where rules have several that are no equalities', () => {
  const first = rule([condition(0, 1), condition(1, 1)]);
  for (const value of [1, 1n, '0x1', 2 ** 32 + 1, 2n ** 32n + 1n, '0x100000001'])
    expect(excessOf([first, rule([condition(0, value), condition(2, 2)])])).toMatchObject({ at: '[1]', most: 1 });
  expect(excessOf([first, rule([condition(0, 3), condition(2, 2)])])).toBeUndefined();
  expect(excessOf([first, rule([condition(0, 1), condition(2, 2)], ['write'])])).toBeUndefined();
});

test('a value beyond 32 bits is two comparisons, and the combinations of all calls have a bound', () => {
  const wide = rules(8, (i) => rule([0, 1, 2].map((index) => equal(index, 2 ** 32 + i))));
  expect(excessOf(wide)).toMatchObject({ at: '[4]', most: 729 });
  const names = rules(6, (i) => `call${i}`);
  const combined = (calls: string[]) =>
    rules(8, (i) =>
      rule(
        [0, 1, 2].map((index) => equal(index, i)),
        calls,
      ),
    );
  expect(excessOf(combined(names.slice(1)))).toBeUndefined();
  expect(excessOf(combined(names))).toMatchObject({ at: '', most: 3645 });
});

test.for([
  ['conditions of rules that have several', rules(5, several), '[4]', 729],
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
