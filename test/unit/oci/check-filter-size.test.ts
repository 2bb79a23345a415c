import { expect, test } from 'vitest';
import { checkFilterSize } from '../../../src/oci/check-filter-size.js';

type Rule = NonNullable<Parameters<typeof checkFilterSize>[0]['syscalls']>[number];

const condition = (index: number, value = 1) => ({ index, value, op: 'SCMP_CMP_GE' as const });
const rule = (args: Rule['args'], names = ['read']): Rule => ({ names, action: 'SCMP_ACT_ERRNO', args: args ?? [] });
const filter = (count: number, make: (i: number) => Rule) => ({
  defaultAction: 'SCMP_ACT_ALLOW' as const,
  syscalls: Array.from({ length: count }, (_, i) => make(i)),
});
const several = (i: number) => rule([0, 1, 2].map((index) => condition(index, i)));

test('a filter of the size that engines write is taken', () => {
  checkFilterSize(
    filter(40, () =>
      rule(
        [],
        Array.from({ length: 100 }, (_, i) => `call${i}`),
      ),
    ),
  );
  checkFilterSize(filter(64, (i) => rule([condition(0, i)])));
  checkFilterSize(filter(4, several));
});

test.for([
  ['rules of several conditions', filter(5, several), 'linux.seccomp.syscalls[4] "read"'],
  ['rules of one condition', filter(65, (i) => rule([condition(i % 6, i)])), 'linux.seccomp.syscalls[64] "read"'],
  ['a rule for each of many conditions', filter(1, () => rule(Array(65).fill(condition(0)))), '[0] "read"'],
  ['conditions', filter(257, (i) => rule([condition(0)], [`call${i}`])), 'more than 256 conditions'],
  ['conditions of many names', filter(1, () => rule([condition(0)], Array(257).fill('read'))), '256 conditions'],
  ['names', filter(1, () => rule([], Array(10_001).fill('read'))), 'more than 10000 calls'],
] as const)('too many %s are refused', ([, seccomp, words]) => {
  expect(() => checkFilterSize(seccomp)).toThrow(words);
});
