import { nearest } from '../../spec/nearest.js';
import { invalid, show } from '../../spec/problems.js';

/** The fields that a template may name: those of the schema of the API's answer. */

/** The parts of a JSON schema that say which fields a value has. */
interface FieldsSchema {
  properties?: Record<string, FieldsSchema>;
  patternProperties?: Record<string, FieldsSchema>;
  items?: FieldsSchema;
  anyOf?: FieldsSchema[];
  type?: string;
}

/** For each field as Docker names it the field of niwa. */
export type DockerNames = Readonly<Record<string, string>>;

/**
 * Gives the path of a field in niwa's names.
 * @param schema the JSON schema of the answer that has the field
 * @param docker fields that may be written as Docker names them, with what they are here
 * @throws NiwaError SPEC_INVALID where there is no such field, with the names that are alike
 */
export function knownPath(path: readonly string[], schema: object, docker: DockerNames): string[] {
  const own = inOwnNames(path, docker);
  let nodes: FieldsSchema[] = [schema];
  for (const [i, name] of own.entries()) {
    const next = nodes.flatMap((node) => childrenOf(node, name));
    if (next.length === 0) throw unknownField(path, own.slice(0, i), name, nodes, docker);
    nodes = next;
  }
  return own;
}

/** Gives the value of a field; undefined where a part of its path is null or not there. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}

/** Replaces the longest beginning of a path that Docker names otherwise. */
function inOwnNames(path: readonly string[], docker: DockerNames): string[] {
  for (let count = path.length; count > 0; count--) {
    const theirs = path.slice(0, count).join('.');
    const ours = Object.hasOwn(docker, theirs) ? docker[theirs] : undefined;
    if (ours !== undefined) return [...ours.split('.'), ...path.slice(count)];
  }
  return [...path];
}

/** The schemas that the field `name` of a value may have; none where there is no such field. */
function childrenOf({ properties, patternProperties, items, anyOf, type }: FieldsSchema, name: string): FieldsSchema[] {
  if (anyOf !== undefined) return anyOf.flatMap((branch) => childrenOf(branch, name));
  if (properties !== undefined && Object.hasOwn(properties, name)) return [properties[name] as FieldsSchema];
  if (patternProperties !== undefined) return Object.values(patternProperties);
  if (items !== undefined && /^[0-9]+$/.test(name)) return [items];
  return type === undefined && properties === undefined && items === undefined ? [{}] : []; // of any shape
}

function namesOf({ properties = {}, anyOf = [] }: FieldsSchema): string[] {
  return [...Object.keys(properties), ...anyOf.flatMap(namesOf)];
}

function unknownField(
  path: readonly string[],
  before: readonly string[],
  name: string,
  nodes: readonly FieldsSchema[],
  docker: DockerNames,
) {
  const names = nodes.flatMap(namesOf);
  const written = (last: string) => `{{.${[...before, last].join('.')}}}`;
  const similar = nearest(name, names);
  const alias = nearest(path.join('.'), Object.keys(docker));
  const hint =
    similar !== undefined
      ? `${written(similar)}?`
      : alias !== undefined
        ? `{{.${docker[alias]}}}?`
        : names.length > 0
          ? names.map((one) => `.${one}`).join(', ')
          : `{{.${before.join('.')}}}, which has no fields`;
  return invalid('the command line', [{ path: '--format', found: show(`{{.${path.join('.')}}}`), allowed: hint }]);
}
