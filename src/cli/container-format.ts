import type { Format } from './format/format.js';

/**
 * Gives the format of containers; null for `table`, the usual one. The schema is loaded only where it is needed: that
 * takes a while.
 * @throws NiwaError SPEC_INVALID
 */
export async function containerFormat(text: string): Promise<Format | null> {
  if (text === 'table') return null;
  const [{ parseFormat }, { DOCKER_CONTAINER }, { ContainerDetailsSchema }] = await Promise.all([
    import('./format/format.js'),
    import('./format/docker.js'),
    import('../protocol/container.js'),
  ]);
  return parseFormat(text, ContainerDetailsSchema, DOCKER_CONTAINER);
}
