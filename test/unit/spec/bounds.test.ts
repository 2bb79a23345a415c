import { describe, expect, it } from 'vitest';
import { bytesOf, requireBounded, requireBoundedJson } from '../../../src/spec/bounds.js';
import { parseYaml } from '../../../src/spec/yaml.js';
import { refusal } from '../support.js';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('a body', () => {
  it.each([
    '{"process": {"args": ["true"]}}',
    JSON.stringify(Array(11_000).fill(1)),
    JSON.stringify('[[[,,,:::{{{'.repeat(10_000)),
    '"\\"[[[[\\\\"',
    nested(100),
    'no JSON at all',
    '"not closed [[[',
    '',
  ])('of few values is looked at: %.30s', (text) => {
    expect(() => requireBoundedJson('the body', text)).not.toThrow();
  });

  it.each([
    ['items', JSON.stringify(Array(12_001).fill(1)), 'the body is too large: it may have at most 12000 values'],
    ['names', `{${'"a":1,'.repeat(6001)}`, 'the body is too large: it may have at most 12000 values'],
    ['levels', nested(101), 'the body is nested deeper than 100 levels'],
    ['levels that are never closed', '{"a":'.repeat(200), 'the body is nested deeper than 100 levels'],
  ])('of many %s is refused', (_what, text, message) => {
    const error = refusal(() => requireBoundedJson('the body', text));
    expect([error.code, error.message]).toEqual(['SPEC_INVALID', message]);
  });

  it('counts as JSON does', () => {
    const value = { a: [1, 'x', { b: null }], c: '"[,' };
    expect(() => requireBoundedJson('the body', JSON.stringify(value))).not.toThrow();
    expect(() => requireBounded('the body', value)).not.toThrow();
  });
});

describe('YAML with aliases', () => {
  const asked = (text: string) => refusal(() => requireBounded('the body', parseYaml(text, 'the body'))).message;

  it('is as large as what they stand for', () => {
    expect(asked(`a: &a "${'x'.repeat(10_000)}"\nb: [${Array(90).fill('*a')}]`)).toContain('at most 262144 characters');
    expect(asked(`a: &a [${Array(1000).fill(1)}]\nb: [${Array(20).fill('*a')}]`)).toContain('at most 12000 values');
  });

  it('is refused where one stands for itself', () => {
    expect(asked('&a [*a]')).toContain('nested deeper than 100 levels');
  });
});

it('counts the bytes of names and values', () => {
  expect(bytesOf({})).toBe(0);
  expect(bytesOf({ a: 'ü', bc: '' })).toBe(5);
});
