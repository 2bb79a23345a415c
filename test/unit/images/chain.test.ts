import { expect, it } from 'vitest';
import { chainIds } from '../../../src/images/chain.js';

it('names a layer by all that is below it, too', () => {
  const [a, b] = ['a', 'b'].map((letter) => letter.repeat(64)) as [string, string];
  expect(chainIds([a, b, a])).toEqual([
    a,
    // printf 'sha256:aaa... sha256:bbb...' | sha256sum, and so on
    'ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c',
    '406364a4bd8d39df8107071d4494fa73814420337124657ec5999b072e5d3352',
  ]);
  expect(new Set(chainIds([a, a, a])).size).toBe(3);
  expect(chainIds([])).toEqual([]);
});
