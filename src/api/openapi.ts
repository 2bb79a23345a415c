import { isDeepStrictEqual } from 'node:util';

/** The part of an OpenAPI document that is processed here. */
interface Document {
  paths?: Record<string, Record<string, { parameters?: unknown }>>;
  components?: object;
}

/**
 * Gives an OpenAPI document in which each schema with a title is a component with that name. The schemas of parameters
 * stay where they are, because a parameter has a name of its own.
 * @param more further schemas with titles, which no route sends
 * @throws Error if two different schemas have the same title, which is a defect
 */
export function withComponents(document: object, more: readonly object[] = []): object {
  const { paths = {}, components, ...rest } = document as Document;
  const named = new Map<string, object>();
  nameSchemas(more, named);
  const operationOf = ({ parameters, ...operation }: { parameters?: unknown }) => ({
    ...(nameSchemas(operation, named) as object),
    ...(parameters === undefined ? {} : { parameters }),
  });
  const operations = mapValues(paths, (methods) => mapValues(methods, operationOf));
  const schemas = Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...rest, paths: operations, components: { ...components, schemas } };
}

/** Gives JSON in which each schema with a title is replaced by a reference, and adds these schemas to `named`. */
function nameSchemas(node: unknown, named: Map<string, object>): unknown {
  if (Array.isArray(node)) return node.map((item) => nameSchemas(item, named));
  if (typeof node !== 'object' || node === null) return node;
  const whole = mapValues(node as Record<string, unknown>, (value) => nameSchemas(value, named));
  const { title, ...schema } = whole;
  if (typeof title !== 'string') return whole;
  if (named.has(title) && !isDeepStrictEqual(named.get(title), schema))
    throw new Error(`two schemas have the title ${title}`);
  named.set(title, schema);
  return { $ref: `#/components/schemas/${title}` };
}

function mapValues<V, W>(object: Record<string, V>, change: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
