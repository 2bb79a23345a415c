import { createHash } from 'node:crypto';

/**
 * Gives a name to each layer of an image, made of its content and of all layers below it (the chain ids of the OCI image specification,
 * "config.md"). One layer over other layers has other files: attributes and link targets may come from below.
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
