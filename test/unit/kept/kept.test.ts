import { describe, expect, it } from 'vitest';
import { Kept } from '../../../src/kept/kept.js';

/** Keeps numbers; `size`: the characters that each of them counts as. */
const newKept = (size = 0) => new Kept<number>(() => size);
const fill = (kept: Kept<number>, caller: string | null, count: number, characters = 10) => {
  for (let i = 0; i < count; i++) kept.set(caller, String(i).padEnd(characters, '.'), i);
};
const has = (kept: Kept<number>, caller: string | null, i: number, characters = 10) =>
  kept.get(caller, String(i).padEnd(characters, '.')) === i;

describe('what is kept', () => {
  it('is given to its caller alone', () => {
    const kept = newKept();
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
    const kept = newKept();
    kept.set(null, 'a', 1);
    kept.set(null, 'a', 2);
    expect(kept.get(null, 'a')).toBe(2);
  });

  it.each([
    [null, 512],
    ['user 1', 32],
  ])('of %s is at most %i entries, those that were asked for last', (caller, most) => {
    const kept = newKept();
    fill(kept, caller, most);
    expect(has(kept, caller, 0)).toBe(true); // asked for: now the second one is the oldest
    kept.set(caller, 'one more', -1);
    expect([has(kept, caller, 0), has(kept, caller, 1), has(kept, caller, 2)]).toEqual([true, false, true]);
  });

  it.each([
    [null, 4 * 1024 * 1024],
    ['user 1', 512 * 1024],
  ])('of %s has keys and values of at most %i characters in all', (caller, most) => {
    const kept = newKept(28 * 1024);
    const count = most / (32 * 1024);
    fill(kept, caller, count + 1, 4 * 1024);
    expect([has(kept, caller, 0, 4 * 1024), has(kept, caller, 1, 4 * 1024)]).toEqual([false, true]);
    kept.set(caller, '1'.padEnd(4 * 1024, '.'), 1); // the same key takes the same room
    expect(has(kept, caller, 2, 4 * 1024)).toBe(true);
  });

  it('has no entry that is larger than 131,072 characters', () => {
    const kept = newKept(100 * 1024);
    fill(kept, 'user 1', 1, 28 * 1024 + 1);
    expect(has(kept, 'user 1', 0, 28 * 1024 + 1)).toBe(false);
    fill(kept, 'user 1', 1, 28 * 1024);
    expect(has(kept, 'user 1', 0, 28 * 1024)).toBe(true);
  });

  it('is not pushed out by another caller', () => {
    const kept = newKept();
    fill(kept, 'user 1', 5);
    fill(kept, null, 5);
    fill(kept, 'user 2', 10_000);
    expect([has(kept, 'user 1', 0), has(kept, null, 0)]).toEqual([true, true]);
  });

  it('is that of the 32 callers who asked last, and of root', () => {
    const kept = newKept();
    for (let i = 0; i < 32; i++) fill(kept, `user ${i}`, 1);
    fill(kept, null, 1);
    expect(has(kept, 'user 0', 0)).toBe(true); // asked for: now user 1 has not asked for the longest time
    fill(kept, 'user 32', 1);
    expect(['user 0', 'user 1', 'user 2', null].map((caller) => has(kept, caller, 0))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});
