import { expect, it, vi } from 'vitest';
import { measureYaml, parseYaml } from '../../../src/spec/yaml.js';
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

it('refuses more tokens than it may have, and counts escapes', () => {
  expect(parseYaml('a: [1, 2]', 'the body', 20)).toEqual({ a: [1, 2] });
  const message = 'the body is too large: it may have at most 20 tokens as YAML, more as JSON';
  expect(refusal(() => parseYaml('a: [1, 2, 3, 4, 5, 6, 7]', 'the body', 20)).message).toBe(message);
  expect(refusal(() => parseYaml(`"${'\\q'.repeat(20)}"`, 'the body', 20)).message).toBe(message);
});

it('tells where the text is wrong', () => {
  const error = refusal(() => parseYaml('a: 1\nb: [1', 'the body'));
  expect(error.message).toMatch(/^the body is no YAML: .* at line 2, column 6$/);
});

it('writes no warning about what the text says', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  expect(parseYaml('? [a]\n: b\n? "\\e"\n: {? {x: y} : z}\nc: !unknown d\n', 'the body')).toHaveProperty('c', 'd');
  expect(parseYaml('%UNKNOWN x\n---\na: b\n', 'the body')).toEqual({ a: 'b' });
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

it('counts levels, not brackets in words', () => {
  expect(measureYaml('[[], [], []]').depth).toBe(2);
  expect(measureYaml('"[[[["').depth).toBe(0);
  expect(measureYaml('- - a\n- b').depth).toBeLessThanOrEqual(5);
  expect(measureYaml(`a: [${'x, '.repeat(1000)}]`).depth).toBe(1);
});
