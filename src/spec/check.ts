import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/schema';
import { Settings } from 'typebox/system';
import { Errors } from 'typebox/value';
import type { FieldProblem } from '../protocol/errors.js';
import { didYouMean } from './nearest.js';
import { requireNoProblems, SHOWN_PROBLEMS, show } from './problems.js';

/**
 * Checks a value against a schema, and describes each problem in words: the field, what was found, what is allowed. The
 * spec, the requests of the API and the configuration of niwad are checked by it.
 */

/**
 * The most errors that are read of a check: a huge value could have one in each of its parts. Several errors may make
 * one problem.
 */
const READ_ERRORS = 4 * SHOWN_PROBLEMS;
Settings.Set({ maxErrors: READ_ERRORS });

/**
 * A schema is compiled after so many checks. To compile takes some 10 ms: too long for a command. The first checks
 * without it take up to 1 ms each: a daemon that reads a thousand saved states at its start has to compile soon.
 */
const CHECKS_BEFORE_COMPILING = 8;

/** For each schema, how often it was used for a check, and when that was often, its compiled form. */
const checks = new WeakMap<TSchema, { count: number; compiled: ReturnType<typeof Compile> | null }>();

/** The parts of a JSON schema from which the messages are made. */
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
 * Gives the problems of `value`: each field at most once, and at most a hundred. The list is empty where `value` fits
 * the schema.
 * @param prefix written before the path of each problem, such as "resources"
 */
export function problemsOf(schema: TSchema, value: unknown, prefix = ''): FieldProblem[] {
  if (surelyFits(schema, value)) return [];
  const found = new Map<string, Problem>();
  const errors = Errors(schema, value);
  for (const error of withoutOtherBranches(errors))
    for (const problem of toProblems(schema as Node, value, error)) {
      const place = JSON.stringify(problem.keys);
      if (!found.has(place)) found.set(place, problem);
    }
  // All errors may belong to branches of a union that the user did not mean. There is a problem all the same.
  if (found.size === 0 && errors.length > 0)
    found.set('[]', { keys: [], found: show(value), allowed: wordsFor(schema as Node) });
  return innermost(found)
    .slice(0, SHOWN_PROBLEMS)
    .map(({ keys, ...words }) => ({ path: join(prefix, pathOf(keys)) || '(top)', ...words }));
}

/**
 * Checks a value, and gives it with the type of its schema.
 * @param what names the value in the message
 * @param prefix written before the path of each problem
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parseAs<S extends TSchema>(what: string, schema: S, value: unknown, prefix = ''): Static<S> {
  requireNoProblems(what, problemsOf(schema, value, prefix));
  return value as Static<S>;
}

/** Says whether a value fits a schema, for many values of which none is described. */
export function fits(schema: TSchema, value: unknown): boolean {
  const known = checks.get(schema) ?? { count: 0, compiled: null };
  checks.set(schema, known);
  known.compiled ??= Compile(schema);
  return known.compiled.Check(value);
}

/**
 * Says whether a value fits, by the compiled schema. As long as the schema is not compiled, gives false without a
 * check.
 */
function surelyFits(schema: TSchema, value: unknown): boolean {
  const known = checks.get(schema) ?? { count: 0, compiled: null };
  checks.set(schema, known);
  if (++known.count > CHECKS_BEFORE_COMPILING) known.compiled ??= Compile(schema);
  return known.compiled?.Check(value) ?? false;
}

/** A problem whose path is not written yet. */
interface Problem {
  keys: string[];
  found: string;
  allowed: string;
}

interface SchemaError {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
}

/**
 * Leaves out the errors of those branches of a union that the user did not mean. The user did not mean a branch if its
 * literal field, such as "type", has another value in the input. If the user meant no branch, the error of the union
 * itself stays.
 */
function withoutOtherBranches(errors: SchemaError[]): SchemaError[] {
  const literal = /^(.*\/anyOf\/[0-9]+)\/properties\/[^/]+$/;
  const others = errors.flatMap(({ keyword, schemaPath, instancePath }) => {
    const branch = keyword === 'const' ? literal.exec(schemaPath)?.[1] : undefined;
    return branch === undefined ? [] : [`${instancePath.replace(/[^/]*$/, '')} ${branch}/`];
  });
  const known = new Set(others);
  if (known.size === 0) return errors;
  return errors.filter(({ schemaPath, instancePath }) => {
    const branches = beginnings(schemaPath);
    return !beginnings(instancePath).some((place) => branches.some((branch) => known.has(`${place} ${branch}`)));
  });
}

/** Gives the beginnings of a JSON pointer: `/`, `/a/` and `/a/b/` for `/a/b`. */
function beginnings(pointer: string): string[] {
  return [...`${pointer}/`.matchAll(/\//g)].map(({ index }) => `${pointer}/`.slice(0, index + 1));
}

function toProblems(schema: Node, value: unknown, error: SchemaError): Problem[] {
  const keys = error.instancePath.split('/').slice(1).map(unescapePointer);
  const node = nodeAt(schema, keys);
  const at = valueAt(value, keys);
  // each unknown field has an error of its own, with the keyword "boolean"
  if (error.keyword === 'additionalProperties') return [];
  if (error.keyword === 'boolean') {
    const parent = nodeAt(schema, keys.slice(0, -1));
    const named = parent?.patternProperties !== undefined;
    const name = keys.at(-1) ?? '';
    const found = named ? `the name ${show(name)}` : 'a field that niwa does not know';
    return [{ keys, found: `${found}${didYouMean(name, namesOf(parent))}`, allowed: fieldsOf(parent) }];
  }
  if (error.keyword === 'required') {
    const { requiredProperties } = error.params as { requiredProperties: string[] };
    return requiredProperties.map((name) => ({
      keys: [...keys, name],
      found: 'nothing',
      allowed: wordsFor(nodeAt(schema, [...keys, name])),
    }));
  }
  return [{ keys, found: show(at), allowed: wordsFor(node) }];
}

/** In the parts of a JSON pointer, ~ and / are escaped, see RFC 6901. */
function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function nodeAt(schema: Node, keys: string[]): Node | undefined {
  let node: Node | undefined = schema;
  for (const key of keys) node = node === undefined ? undefined : child(node, key);
  return node;
}

function child(node: Node, key: string): Node | undefined {
  const properties = new Map(Object.entries(node.properties ?? {}));
  const direct = properties.get(key) ?? node.items ?? Object.values(node.patternProperties ?? {})[0];
  return direct ?? node.anyOf?.map((branch) => child(branch, key)).find((found) => found !== undefined);
}

function valueAt(value: unknown, keys: string[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);
}

function fieldsOf(node: Node | undefined): string {
  const names = namesOf(node);
  return names.length > 0 ? names.sort().join(', ') : wordsFor(node);
}

/** Gives the names of the fields of an object, or of all branches of a union. */
function namesOf(node: Node | undefined): string[] {
  return Object.keys(
    node?.properties ?? Object.assign({}, ...(node?.anyOf ?? []).map((branch) => branch.properties ?? {})),
  );
}

function wordsFor(node: Node | undefined): string {
  if (node?.description !== undefined) return node.description;
  if (node?.properties !== undefined) return `an object with ${Object.keys(node.properties).join(', ')}`;
  return node?.type === undefined ? 'another value' : `a value of type ${node.type}`;
}

/** Writes a path in the form that people write: `resources.io[0].device`. */
function pathOf(keys: string[]): string {
  return keys
    .map((key) => (/^[0-9]+$/.test(key) ? `[${key}]` : `.${key}`))
    .join('')
    .replace(/^\./, '');
}

function join(prefix: string, path: string): string {
  return [prefix, path].filter((part) => part !== '').join('.');
}

/**
 * Leaves out the problem of a field that contains another field with a problem: the inner one says more. A union tries
 * each branch.
 */
function innermost(problems: Map<string, Problem>): Problem[] {
  const outer = new Set(
    [...problems.values()].flatMap(({ keys }) => keys.map((_, i) => JSON.stringify(keys.slice(0, i)))),
  );
  return [...problems].flatMap(([place, problem]) => (outer.has(place) ? [] : [problem]));
}
