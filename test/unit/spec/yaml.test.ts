import { expect, it } from 'vitest';
import { nestingOf, parseYaml } from '../../../src/spec/yaml.js';
import { refusal } from '../support.js';

it('parses YAML, and with it JSON', () => {
  expect(parseYaml('a: [1, {b: c}]\nd:\n  - e\n', 'the body')).toEqual({ a: [1, { b: 'c' }], d: ['e'] });
  expect(parseYaml('{"a": "[[[ {{{"}', 'the body')).toEqual({ a: '[[[ {{{' });
  const script = `run: |\n${' '.repeat(200)}deep\n  shallow`;
  expect(refusal(() => parseYaml(`${script}: [`, 'the body')).message).toMatch(/^the body is no YAML: /);
});

it.each([
  ['brackets', '['.repeat(50_000)],
  ['braces', '{a: '.repeat(50_000)],
  ['dashes', '- '.repeat(50_000)],
  ['question marks', '? '.repeat(50_000)],
  ['indentation', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['brackets that are closed', '['.repeat(1000) + ']'.repeat(1000)],
])('refuses %s that are nested too deeply, before the parser sees them', (_what, text) => {
  const error = refusal(() => parseYaml(text, 'the body'));
  expect([error.code, error.message]).toEqual(['SPEC_INVALID', 'the body is nested deeper than 100 levels']);
});

it('counts levels, not brackets in words', () => {
  expect(nestingOf('[[], [], []]')).toBe(2);
  expect(nestingOf('"[[[["')).toBe(0);
  expect(nestingOf('- - a\n- b')).toBeLessThanOrEqual(5);
  expect(nestingOf(`a: [${'x, '.repeat(1000)}]`)).toBe(1);
});
