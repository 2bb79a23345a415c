import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { type FieldProblem, NiwaError } from '../errors.js';

/**
 * Checks a value against a schema and gives every problem in words: where, what was found, what is allowed.
 * Shared by the spec, the API's requests and the daemon's configuration.
 */

const SHOWN_CHARACTERS = 60;

/** The parts of a JSON schema that the messages are made of. */
interface Node {
  type?: string;
  description?: string;
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
  const?: unknown;
  required?: string[];
}

/**
 * Gives the problems of `value`, each field at most once; an empty list where it fits the schema.
 * @param prefix put before each path, such as "resources"
 */
export function problemsOf(schema: TSchema, value: unknown, prefix = ''): FieldProblem[] {
  const found = new Map<string, FieldProblem>();
  for (const error of Errors(schema, value)) {
    for (const problem of toProblems(schema as Node, value, error)) {
      const path = join(prefix, problem.path);
      if (!found.has(path)) found.set(path, { ...problem, path: path === '' ? '(top)' : path });
    }
  }
  return innermost([...found.values()]);
}

/** Throws `SPEC_INVALID` with all the problems where there are any; `what` names the input in the message. */
export function refuse(what: string, problems: FieldProblem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, found, allowed }) => `${path}: found ${found}; allowed: ${allowed}`);
  throw new NiwaError('SPEC_INVALID', `${what} is invalid: ${lines.join('; ')}`, { details: { problems } });
}

/** Writes a value into an error, cut where it is long. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}

interface SchemaError {
  keyword: string;
  instancePath: string;
  params: object;
}

function toProblems(schema: Node, value: unknown, error: SchemaError): FieldProblem[] {
  const keys = error.instancePath.split('/').slice(1).map(unescapePointer);
  const node = nodeAt(schema, keys);
  const at = valueAt(value, keys);
  if (error.keyword === 'boolean') return []; // the same problem comes again as additionalProperties
  if (error.keyword === 'additionalProperties') {
    const { additionalProperties } = error.params as { additionalProperties: string[] };
    return additionalProperties.map((name) => ({
      path: pathOf([...keys, name]),
      found: 'a field that niwa does not know',
      allowed: fieldsOf(node),
    }));
  }
  if (error.keyword === 'required') {
    const { requiredProperties } = error.params as { requiredProperties: string[] };
    return requiredProperties.map((name) => ({
      path: pathOf([...keys, name]),
      found: 'nothing',
      allowed: wordsFor(nodeAt(schema, [...keys, name])),
    }));
  }
  return [{ path: pathOf(keys), found: show(at), allowed: wordsFor(node) }];
}

/** The parts of a JSON pointer escape ~ and /, see RFC 6901. */
function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function nodeAt(schema: Node, keys: string[]): Node | undefined {
  let node: Node | undefined = schema;
  for (const key of keys) node = node === undefined ? undefined : child(node, key);
  return node;
}

function child(node: Node, key: string): Node | undefined {
  const direct = node.properties?.[key] ?? node.items ?? Object.values(node.patternProperties ?? {})[0];
  return direct ?? node.anyOf?.map((branch) => child(branch, key)).find((found) => found !== undefined);
}

function valueAt(value: unknown, keys: string[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);
}

function fieldsOf(node: Node | undefined): string {
  const names = node?.properties ?? Object.assign({}, ...(node?.anyOf ?? []).map((branch) => branch.properties ?? {}));
  return Object.keys(names).length > 0 ? Object.keys(names).sort().join(', ') : wordsFor(node);
}

function wordsFor(node: Node | undefined): string {
  if (node?.description !== undefined) return node.description;
  if (node?.properties !== undefined) return `an object with ${Object.keys(node.properties).join(', ')}`;
  return node?.type === undefined ? 'another value' : `a value of type ${node.type}`;
}

/** Writes a path as people do: `resources.io[0].device`. */
function pathOf(keys: string[]): string {
  return keys
    .map((key) => (/^[0-9]+$/.test(key) ? `[${key}]` : `.${key}`))
    .join('')
    .replace(/^\./, '');
}

function join(prefix: string, path: string): string {
  return [prefix, path].filter((part) => part !== '').join('.');
}

/** Where both a field and something inside it failed (a union tries each branch), the inner one says more. */
function innermost(problems: FieldProblem[]): FieldProblem[] {
  const inside = (outer: string, inner: string) => inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
  return problems.filter(({ path }) => !problems.some((other) => inside(path, other.path)));
}
