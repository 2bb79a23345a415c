import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '../../../src/spec/nearest.js';

describe('nearest', () => {
  const known = ['ps', 'run', 'rm', 'inspect', 'memory', 'memoryHigh', 'pids'];
  it.each([
    ['pss', 'ps'],
    ['pdis', 'pids'],
    ['mr', 'rm'],
    ['memroy', 'memory'],
    ['insepct', 'inspect'],
    ['MEMORY', 'memory'],
    ['pid', 'pids'],
    ['memoryhigh', 'memoryHigh'],
  ])('%s is near to %s', (word, found) => {
    expect(nearest(word, known)).toBe(found);
  });

  it.each(['', 'x', 'frobnicate', 'volume', `memory${'y'.repeat(1e6)}`])('%.20s is near to none', (word) => {
    expect(nearest(word, known)).toBeUndefined();
  });
});

it('gives the words of a suggestion, or none', () => {
  expect(didYouMean('memroy', ['memory'], '--')).toBe('; did you mean --memory?');
  expect(didYouMean('frob', ['memory'])).toBe('');
});
