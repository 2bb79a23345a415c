import { describe, expect, it } from 'vitest';
import { requireNoProblems, show } from '../../../src/spec/problems.js';
import { refusal } from '../support.js';

describe('a refusal', () => {
  it('needs a problem', () => {
    expect(() => requireNoProblems('the spec', [])).not.toThrow();
  });

  it('has every problem in its message', () => {
    const problems = [
      { path: 'a', found: '1', allowed: 'two' },
      { path: 'b', found: 'nothing', allowed: 'three' },
    ];
    const error = refusal(() => requireNoProblems('the request', problems));
    expect(error.message).toBe('the request is invalid: a: found 1; allowed: two; b: found nothing; allowed: three');
    expect(error.details.problems).toEqual(problems);
  });
});

it('of many problems has the first hundred, and looks for no others', () => {
  let made = 0;
  const endless = function* () {
    for (;;) yield { path: `a[${made++}]`, found: '1', allowed: 'none' };
  };
  expect(refusal(() => requireNoProblems('the request', endless())).details.problems).toHaveLength(100);
  expect(made).toBeLessThanOrEqual(101);
});

it('is bounded, however long the name of a field is', () => {
  const error = refusal(() =>
    requireNoProblems('the spec', [{ path: 'x'.repeat(1e6), found: '1', allowed: 'nothing' }]),
  );
  expect(error.message.length).toBeLessThan(300);
  expect(error.details.problems?.[0]?.path).toBe(`${'x'.repeat(200)}...`);
});

describe('a value in a message', () => {
  it.each<[unknown, string]>([
    [undefined, 'nothing'],
    [null, 'null'],
    ['a"b', '"a\\"b"'],
    [{ a: [1] }, '{"a":[1]}'],
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    [Array(100_000).fill({}), `[${'{},'.repeat(20).slice(0, 59)}...`],
    [{ ['n'.repeat(100)]: 1 }, `{"${'n'.repeat(58)}...`],
    ['x'.repeat(58), `"${'x'.repeat(58)}"`],
    ['x'.repeat(59), `"${'x'.repeat(59)}...`],
  ])('%j is shown as %s', (value, text) => {
    expect(show(value)).toBe(text);
  });
});
