import { createHash } from 'node:crypto';

/**
 * Gives each layer of an image a name that says what lies below it too: the same layer on others has other files, since what it
 * does not say itself comes from them. They are the chain ids of the OCI image specification, "config.md".
 * @param layers the hexadecimal sha256 of each layer's tar, the lowest first
 * @returns hexadecimal digits, in the same order; the lowest layer keeps its own
 */
export function chainIds(layers: readonly string[]): string[] {
  const chain: string[] = [];
  for (const layer of layers) {
    const below = chain.at(-1);
    const both = `sha256:${below} sha256:${layer}`;
    chain.push(below === undefined ? layer : createHash('sha256').update(both).digest('hex'));
  }
  return chain;
}
