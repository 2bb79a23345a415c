import { describe, expect, it } from 'vitest';
import { CURVES } from '../simulator/curves.js';
import { type Outcome, simulate } from '../simulator/simulate.js';

/** The outcomes of a curve with three different noises. */
function outcomes(name: string): Outcome[] {
  const curve = CURVES.find((one) => one.name === name);
  if (!curve) throw new Error(`there is no curve ${name}`);
  return [1, 2, 3].map((seed) => simulate(curve, seed));
}

const most = ({ slots }: Outcome) => Math.max(...slots);
const last = ({ slots }: Outcome) => slots.at(-1) ?? 0;

describe('the simulated load', () => {
  it.each(['steady 1', 'steady 2', 'step 0.2, 3, 0.2', 'square, 15 s', 'flash crowd from asleep'])(
    '%s: more instances after 3 s at most, one change of direction at most',
    (name) => {
      for (const { reaction, turns } of outcomes(name)) {
        expect(reaction).toBeLessThanOrEqual(3);
        expect(turns).toBeLessThanOrEqual(1);
      }
    },
  );

  it('a load that one instance bears has one', () => {
    for (const outcome of outcomes('steady 0.15')) expect(most(outcome)).toBe(1);
  });

  it('a steady load does not overshoot', () => {
    for (const outcome of outcomes('steady 1')) expect(most(outcome)).toBeLessThanOrEqual(6);
  });

  it('a step fills its slots within 16 s, and they go one by one when it is over', () => {
    for (const { slots } of outcomes('step 0.2, 3, 0.2')) {
      expect(slots.slice(0, 60)).toEqual(Array(60).fill(1));
      expect(slots[76]).toBe(10);
      expect(slots.at(-1)).toBeLessThanOrEqual(2);
      slots.slice(300).forEach((count, index, all) => {
        expect(count).toBeGreaterThanOrEqual((all[index - 1] ?? count) - 1);
      });
    }
  });

  it('a sine of six minutes changes its direction four times in twelve minutes', () => {
    for (const { turns } of outcomes('sine, 6 min')) expect(turns).toBeLessThanOrEqual(4);
  });

  it('starts of 10 s do not overshoot while they are on their way', () => {
    for (const { slots, turns } of outcomes('starts of 10 s, step')) {
      expect(slots[75]).toBe(2);
      expect(turns).toBeLessThanOrEqual(1);
    }
  });

  it.each(['memory leak, 45 s', 'one dies each 20 s', 'lifetimes of 90 s'])(
    '%s: instances that end are replaced',
    (name) => {
      for (const { slots, lost, refused } of outcomes(name)) {
        expect(Math.min(...slots.slice(60))).toBeGreaterThanOrEqual(3);
        expect(lost).toBeLessThan(0.02);
        expect(refused).toBe(0);
      }
    },
  );

  it('a service that is used now and then sleeps between', () => {
    for (const outcome of outcomes('now and then')) {
      expect(most(outcome)).toBe(1);
      expect(last(outcome)).toBe(0);
      expect(outcome.refused).toBe(0);
    }
  });
});
