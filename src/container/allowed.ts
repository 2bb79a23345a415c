import { realPaths } from '../host/sources.js';
import type { Spec } from '../spec/spec.js';
import { type Allowed, type Caller, namesPaths } from './permissions.js';

/**
 * Adds to the directories that the operator allows where they lead, so that a spec may name one of them either way and its real
 * path is below one. The links are followed each time: they may be changed while niwad runs. Directories that do not answer
 * count as they are written. Takes no time where it does not matter.
 */
export async function withRealPaths(allowed: Allowed, spec: Spec, caller: Caller): Promise<Allowed> {
  if (caller.uid === 0 || !namesPaths(spec)) return allowed;
  const realPath = (path: string) => realPaths([path], 'the configuration').catch(() => []);
  const all = async (paths: string[]) => (await Promise.all(paths.map(realPath))).flat();
  const [roots, sources, hooks] = await Promise.all([all(allowed.roots), all(allowed.sources), all(allowed.hooks)]);
  return { ...allowed, real: { roots, sources, hooks } };
}
