import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdPool, type IdRange } from '../../../src/host/id-pool.js';
import { refusal } from '../support.js';

const SIZE = 65_536;
const START = 0x7000_0000;

describe('the pool of host ids', () => {
  it('gives ranges one after another', () => {
    const pool = new IdPool(START, 2);
    expect([pool.take(), pool.take()]).toEqual([
      { start: START, size: SIZE },
      { start: START + SIZE, size: SIZE },
    ]);
  });

  it('says so when it is exhausted, and goes on when a range comes back', () => {
    const pool = new IdPool(START, 1);
    const range = pool.take();
    const error = refusal(() => pool.take());
    expect(error.code).toBe('HOST_UNSUPPORTED');
    expect(error.message).toContain('all 1 ranges of host ids are in use; enlarge idPool');
    pool.release(range);
    expect(pool.take()).toEqual(range);
  });

  it('does not give away what a container of an earlier daemon has', () => {
    const pool = new IdPool(START, 3);
    pool.claim({ start: START + SIZE, size: SIZE });
    pool.claim({ start: START + SIZE, size: SIZE });
    pool.claim({ start: 123, size: SIZE }); // of a pool that was laid out elsewhere
    expect([pool.take().start, pool.take().start]).toEqual([START, START + 2 * SIZE]);
    expect(refusal(() => pool.take()).code).toBe('HOST_UNSUPPORTED');
    pool.release({ start: START + SIZE, size: SIZE });
    expect(pool.take().start).toBe(START + SIZE);
  });

  it('does not give away what overlaps with a range of a pool that was laid out otherwise', () => {
    const pool = new IdPool(START, 4);
    pool.claim({ start: START + SIZE + 5, size: SIZE });
    expect([pool.take().start, pool.take().start]).toEqual([START, START + 3 * SIZE]);
    expect(refusal(() => pool.take()).code).toBe('HOST_UNSUPPORTED');
  });

  it('uses a range again as late as it can', () => {
    const pool = new IdPool(START, 3);
    const first = pool.take();
    pool.release(first);
    expect([pool.take(), pool.take(), pool.take()].map(({ start }) => start)).toEqual([
      START + SIZE,
      START + 2 * SIZE,
      START,
    ]);
  });

  it('takes no range back twice, and none that is not its own', () => {
    const pool = new IdPool(START, 1);
    const range = pool.take();
    pool.release({ start: 0, size: SIZE });
    pool.release(range);
    pool.release(range);
    pool.take();
    expect(refusal(() => pool.take()).code).toBe('HOST_UNSUPPORTED');
  });

  it('never gives two containers the same id, whatever is taken and given back', () => {
    const actions = fc.array(fc.oneof(fc.constant('take' as const), fc.nat({ max: 20 })), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), actions, (count, sequence) => {
        const pool = new IdPool(START, count);
        const live: IdRange[] = [];
        const old: IdRange[] = [];
        for (const action of sequence) {
          if (action !== 'take') {
            const [range] = live.splice(action, 1);
            const given = range ?? old[action]; // also some that were given back before
            if (given !== undefined && !live.some(({ start }) => start === given.start)) pool.release(given);
            if (range !== undefined) old.push(range);
          } else if (live.length < count) live.push(pool.take());
          else expect(refusal(() => pool.take()).code).toBe('HOST_UNSUPPORTED');
          const sorted = live.map(({ start }) => start).sort((a, b) => a - b);
          sorted.forEach((start, i) => {
            expect(start).toBeGreaterThanOrEqual(i === 0 ? START : (sorted[i - 1] ?? 0) + SIZE);
            expect(start + SIZE).toBeLessThanOrEqual(START + count * SIZE);
          });
        }
      }),
    );
  });
});
