import { expect, it } from 'vitest';
import { lean } from '../../bin/lean.mjs';

function leaner(code: string): string {
  const chunk = { code };
  lean().generateBundle({}, { chunk });
  return chunk.code;
}

it('makes a bundle ASCII that means the same', () => {
  expect(leaner('x = "é";')).toContain('x = "\\u00e9";');
  expect(leaner('x = "\\\\é";')).toContain('x = "\\\\\\u00e9";');
});

it('refuses a bundle that would not mean the same', () => {
  expect(() => leaner('x = "\\é";')).toThrow('cannot be made ASCII');
});
