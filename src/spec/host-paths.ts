import type { Spec } from '../protocol/resolved-spec.js';

/** Says whether a spec names a path of the host; the host's own root does not count. Pure. */
export function namesHostPaths({ root, mounts, hooks }: Spec): boolean {
  const ofRoot = [root.path === '/' ? null : root.path, root.file, root.overlay?.directory ?? null];
  const used = ofRoot.some((path) => path !== null) || mounts.some(({ type }) => type === 'bind');
  return used || Object.keys(hooks).length > 0;
}
