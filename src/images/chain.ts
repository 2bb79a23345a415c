import { createHash } from 'node:crypto';

/**
 * Gives a name to each layer of an image. The name is made of the layer's content and of all layers below it (the chain
 * ids of the OCI image specification, "config.md"): one tar over other layers makes other files, since attributes and
 * link targets may come from below.
 * @param layers the hexadecimal sha256 of each layer's tar, the lowest first
 * @returns hexadecimal digits, in the same order; the name of the lowest layer is the sha256 of its tar
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
