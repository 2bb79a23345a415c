import { describe, expect, it } from 'vitest';
import { Kept } from '../../../src/kept/kept.js';

const fill = (kept: Kept<number>, caller: string | null, count: number, characters = 10) => {
  for (let i = 0; i < count; i++) kept.set(caller, String(i).padEnd(characters, '.'), i);
};
const has = (kept: Kept<number>, caller: string | null, i: number, characters = 10) =>
  kept.get(caller, String(i).padEnd(characters, '.')) === i;

describe('what is kept', () => {
  it('is given to its caller alone', () => {
    const kept = new Kept<number>();
    kept.set('user 1', 'a', 1);
    kept.set(null, 'b', 2);
    expect(kept.get('user 1', 'a')).toBe(1);
    expect(kept.get(null, 'b')).toBe(2);
    expect([kept.get('user 2', 'a'), kept.get(null, 'a'), kept.get('user 1', 'b')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is replaced by a newer value of the same key', () => {
    const kept = new Kept<number>();
    kept.set(null, 'a', 1);
    kept.set(null, 'a', 2);
    expect(kept.get(null, 'a')).toBe(2);
  });

  it.each([
    [null, 512],
    ['user 1', 32],
  ])('of %s is at most %i entries, those that were asked for last', (caller, most) => {
    const kept = new Kept<number>();
    fill(kept, caller, most);
    expect(has(kept, caller, 0)).toBe(true); // asked for: now the second one is the oldest
    kept.set(caller, 'one more', -1);
    expect([has(kept, caller, 0), has(kept, caller, 1), has(kept, caller, 2)]).toEqual([true, false, true]);
  });

  it.each([
    [null, 1024 * 1024],
    ['user 1', 128 * 1024],
  ])('of %s has keys of at most %i characters in all', (caller, most) => {
    const kept = new Kept<number>();
    const count = most / (32 * 1024);
    fill(kept, caller, count + 1, 32 * 1024);
    expect([has(kept, caller, 0, 32 * 1024), has(kept, caller, 1, 32 * 1024)]).toEqual([false, true]);
  });

  it('has no key that is longer than 32,768 characters', () => {
    const kept = new Kept<number>();
    fill(kept, 'user 1', 1, 32 * 1024 + 1);
    expect(has(kept, 'user 1', 0, 32 * 1024 + 1)).toBe(false);
  });

  it('is not pushed out by another caller', () => {
    const kept = new Kept<number>();
    fill(kept, 'user 1', 5);
    fill(kept, null, 5);
    fill(kept, 'user 2', 10_000);
    expect([has(kept, 'user 1', 0), has(kept, null, 0)]).toEqual([true, true]);
  });

  it('is that of the 32 callers who kept something last, and of root', () => {
    const kept = new Kept<number>();
    for (let i = 0; i < 33; i++) fill(kept, `user ${i}`, 1);
    fill(kept, null, 1);
    expect([has(kept, 'user 0', 0), has(kept, 'user 1', 0), has(kept, null, 0)]).toEqual([false, true, true]);
  });
});
