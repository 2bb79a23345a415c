import { expect, it } from 'vitest';
import { toStepsTable } from '../../bench/harness/steps.mjs';

const step = (name: string, usec: number, words = name) => ({
  name,
  words,
  times: [usec * 9, usec, usec / 2],
  alone: [{ count: 5, wall: 5 * usec, cpu: 5 * 40 }],
  atOnce: [{ count: 100, wall: 100 * usec, cpu: 100 * 30 }],
});

it('toStepsTable gives the figures of each step, beside the floor and the step before', () => {
  const [, , ...lines] = toStepsTable([step('a', 1000), step('b', 800, 'x|y')], step('floor', 500)).split('\n');
  expect(lines).toEqual([
    '| a | a | 1000 | 2.000 | - | 1000 | 0.500 | - | 40 | - | 30 | - |',
    '| b | x\\|y | 800 | 1.600 | 0.800 | 1250 | 0.625 | 1.250 | 40 | 1.000 | 30 | 1.000 |',
  ]);
});
