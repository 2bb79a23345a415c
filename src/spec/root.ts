import type { FieldProblem } from '../errors.js';
import type { Root } from '../protocol/resolved-spec.js';
import type { SpecInput } from '../protocol/spec.js';
import type { ImageDefaults } from './image.js';
import { show } from './problems.js';
import { sizeBytes } from './quantities.js';

/** The root of a container: what its schema cannot say, and its defaults. Pure. */

/** What a root may come of: exactly one of them. */
const ROOTS = ['path', 'file', 'image'] as const;

/** What the schema of the root cannot say. */
export function* rootProblems({ root = {} }: SpecInput): Iterable<FieldProblem> {
  const [first, ...others] = ROOTS.filter((name) => root[name] !== undefined);
  for (const name of others)
    yield { path: `root.${name}`, found: show(root[name]), allowed: `nothing beside root.${first}` };
  if (typeof root.overlay === 'object' && root.overlay.directory !== undefined && isHostRoot(root))
    yield keptOverHost(root.overlay.directory);
}

/** The problem of a directory that should keep what is written over the host's own root. */
export function keptOverHost(directory: string): FieldProblem {
  const allowed = "nothing over the host's own root, which changes with the host";
  return { path: 'root.overlay.directory', found: show(directory), allowed };
}

function isHostRoot(root: NonNullable<SpecInput['root']>): boolean {
  return ROOTS.every((name) => root[name] === undefined) || root.path === '/';
}

/**
 * The host's own root is only ever shown under an overlay: a container must not write to it. A file cannot be written to: it is
 * under one unless the spec says otherwise.
 */
export function normaliseRoot(input: NonNullable<SpecInput['root']>, mapped: boolean): Root {
  const file = input.file ?? null;
  const path = input.path ?? (file === null ? '/' : null);
  const overlay = path === '/' ? input.overlay || true : (input.overlay ?? file !== null);
  const { size, directory = null } = typeof overlay === 'object' ? overlay : {};
  return {
    path,
    file,
    layers: path === null ? [] : [path],
    image: null,
    readonly: input.readonly ?? false,
    overlay: overlay === false ? null : { sizeBytes: size === undefined ? null : sizeBytes(size), directory },
    idmap: mapped && path !== '/' ? 'auto' : false,
  };
}

/** Layers are shared, so writes always go over them. */
export function imageRoot({ root }: SpecInput, { name, id, layers }: ImageDefaults, mapped: boolean): Root {
  const overlaid = normaliseRoot({ ...root, path: '/image', overlay: root?.overlay || true }, mapped);
  return { ...overlaid, path: null, layers, image: { name, id } };
}
