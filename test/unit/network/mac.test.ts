import { expect, it } from 'vitest';
import { macOf } from '../../../src/network/mac.js';

it('is locally administered and unicast, and the same every time', () => {
  for (const node of ['a', 'b', 'c', 'd', 'e']) {
    const first = Number.parseInt(macOf(node, 1, 'container').slice(0, 2), 16);
    expect(first & 0x03).toBe(0x02);
    expect(macOf(node, 1, 'container')).toBe(macOf(node, 1, 'container'));
  }
});

it('is another one for every address and kind', () => {
  const base = 0x0ad10000;
  const all = Array.from({ length: 0x10000 }, (_, i) => macOf('node niwa0', base + i, 'container'));
  const ports = Array.from({ length: 0x1000 }, (_, i) => macOf('node niwa0', base + i, 'port'));
  expect(new Set([...all, ...ports]).size).toBe(0x11000);
});

it('ends in the address, and begins with what names node and segment', () => {
  expect(macOf('one niwa0', 0x0ad10203, 'container')).toMatch(/:0a:d1:02:03$/);
  expect(macOf('one niwa0', 1, 'container')).not.toBe(macOf('two niwa0', 1, 'container'));
});
