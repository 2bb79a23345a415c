import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_DETACH_KEYS, DetachFilter, parseDetachKeys } from '../../../src/cli/detach-keys.js';
import { problemsIn } from '../support.js';

const P = 0x10;
const Q = 0x11;

describe('detach keys', () => {
  it.each<[string, number[]]>([
    [DEFAULT_DETACH_KEYS, [P, Q]],
    ['ctrl-a,d', [1, 0x64]],
    ['CTRL-Z', [26]],
    ['ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [0, 27, 28, 29, 30, 31]],
    ['', []],
  ])('%s are the bytes %j', (text, bytes) => {
    expect([...parseDetachKeys(text)]).toEqual(bytes);
  });

  it.each(['ctrl-1', 'ctrl', 'alt-a', 'ab', 'a,,b', 'ä'])('%s is refused', (text) => {
    expect(problemsIn(() => parseDetachKeys(text))).toMatchObject([{ path: '--detach-keys' }]);
  });
});

/** Feeds a filter in pieces; gives what it passes on, and whether and after which piece it was left. */
function feed(keys: number[], pieces: number[][]) {
  const filter = new DetachFilter(Uint8Array.from(keys));
  const passed: number[] = [];
  for (const piece of pieces) {
    const { data, detached } = filter.feed(Uint8Array.from(piece));
    passed.push(...data);
    if (detached) return { passed, detached };
  }
  return { passed, detached: false };
}

describe('a filter for them', () => {
  it.each<[string, number[], number[][], number[], boolean]>([
    ['finds them', [P, Q], [[65, P, Q, 66]], [65], true],
    ['finds them in pieces', [P, Q], [[P], [Q]], [], true],
    ['passes on what only began like them', [P, Q], [[P], [65]], [P, 65], false],
    ['finds them after a false start', [P, Q], [[P, P, Q]], [P], true],
    ['finds a sequence that begins in itself', [1, 1, 2], [[1, 1, 1, 2]], [1], true],
    ['finds one that repeats a longer part', [1, 2, 1, 3], [[1, 2, 1, 2, 1, 3]], [1, 2], true],
    ['finds a single key', [1], [[9, 1]], [9], true],
    ['finds nothing where there are none', [], [[P, Q, 0]], [P, Q, 0], false],
  ])('%s', (_name, keys, pieces, passed, detached) => {
    expect(feed(keys, pieces)).toEqual({ passed, detached });
  });

  it('finds the first place in anything, however it is cut', () => {
    const byte = fc.integer({ min: 1, max: 3 });
    const keys = fc.array(byte, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(keys, fc.array(fc.array(byte, { maxLength: 5 }), { maxLength: 6 }), (sequence, pieces) => {
        const typed = pieces.flat();
        const at = typed.findIndex((_, i) => sequence.every((key, j) => typed[i + j] === key));
        const { passed, detached } = feed(sequence, pieces);
        expect(detached).toBe(at >= 0);
        if (detached) expect(passed).toEqual(typed.slice(0, at));
        else expect(typed.slice(0, passed.length)).toEqual(passed);
        if (!detached) expect(typed.length - passed.length).toBeLessThan(sequence.length);
      }),
    );
  });
});
