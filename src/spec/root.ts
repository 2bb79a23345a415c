import type { FieldProblem } from '../protocol/errors.js';
import type { Root } from '../protocol/resolved-spec.js';
import type { SpecInput } from '../protocol/spec.js';
import type { ImageDefaults } from './image.js';
import { show } from './problems.js';
import { sizeBytes } from './quantities.js';

/** The root of a container: the problems that a schema cannot find, and the defaults. Pure. */

/** The fields that say where a root comes from. A root has exactly one of them. */
const ROOTS = ['path', 'file', 'image'] as const;

/** Finds the problems of the root that a schema cannot find. */
export function* rootProblems({ root = {} }: SpecInput): Iterable<FieldProblem> {
  const [first, ...others] = ROOTS.filter((name) => root[name] !== undefined);
  for (const name of others)
    yield { path: `root.${name}`, found: show(root[name]), allowed: `nothing beside root.${first}` };
  if (typeof root.overlay === 'object' && root.overlay.directory !== undefined && isHostRoot(root))
    yield keptOverHost(root.overlay.directory);
}

/** Makes the problem of a spec that wants to keep the writes over the host's own root in a directory. */
export function keptOverHost(directory: string): FieldProblem {
  const allowed = "nothing over the host's own root, which changes with the host";
  return { path: 'root.overlay.directory', found: show(directory), allowed };
}

function isHostRoot(root: NonNullable<SpecInput['root']>): boolean {
  return ROOTS.every((name) => root[name] === undefined) || root.path === '/';
}

/**
 * Fills in the defaults of a root. The host's own root always gets an overlay, since a container must not write to it.
 * An image file gets one too, unless the spec says otherwise, since nothing can be written to the file itself.
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

/** Makes the root of an image. It always has an overlay for the writes, since containers share the layers. */
export function imageRoot({ root }: SpecInput, { name, id, layers }: ImageDefaults, mapped: boolean): Root {
  const overlaid = normaliseRoot({ ...root, path: '/image', overlay: root?.overlay || true }, mapped);
  return { ...overlaid, path: null, layers, image: { name, id } };
}
