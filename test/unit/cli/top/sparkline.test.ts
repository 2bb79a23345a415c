import { expect, it } from 'vitest';
import { ASCII_LEVELS, graph, sparkline } from '../../../../src/cli/top/sparkline.js';

it('draws a mark for each value, the newest on the right', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, 8)).toBe('▁▁▂▃▄▅▆▇█');
  expect(sparkline([1, 2, 3], 2, 3)).toBe('▆█');
  expect(sparkline([1], 4, 1)).toBe('   █');
});

it('draws nothing for what is not known, and the lowest mark for nothing', () => {
  expect(sparkline([null, 0, null, 0.001], 4, 1)).toBe(' ▁ ▁');
});

it('keeps to its height and width, whatever comes', () => {
  expect(sparkline([100], 3, 1)).toBe('  █');
  expect(sparkline([0, 0], 2, 0)).toBe('▁▁');
  expect(sparkline([1, 2], 0, 1)).toBe('');
  expect(sparkline([], 3, 1)).toBe('   ');
});

it('has ASCII where the terminal has nothing else', () => {
  expect(sparkline([0, 4, 8], 3, 8, ASCII_LEVELS)).toBe('_=#');
});

it('draws over several lines', () => {
  expect(graph([0, 8, 12, 16], 4, 2, 16)).toEqual(['  ▄█', '▁███']);
});
