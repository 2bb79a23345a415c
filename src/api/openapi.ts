import { isDeepStrictEqual } from 'node:util';

/** The part of an OpenAPI document that is processed here. */
interface Document {
  info?: object;
  paths?: Record<string, Record<string, Operation>>;
  components?: object;
}

interface Operation {
  parameters?: unknown;
  responses?: Record<string, { description?: string }>;
}

/** The groups of operations by the first word of their paths behind `/v1`; all others are about the node. */
const TAGS: Record<string, string> = {
  containers: 'Make, start, change, stop and watch containers.',
  pools: 'Pools: containers that are made ahead, so that a start is one message to a process that waits.',
  services: 'Services: addresses that are always open, whose requests wake containers.',
  images: 'Images, from which containers get their roots.',
  usage: 'What was used in a period, from the ledger.',
  node: 'The daemon and its host.',
};

const DESCRIPTION = `The API of niwad: HTTP/1.1 on its Unix socket, \`/run/niwa/niwad.sock\` unless it is configured otherwise.

A request has no credentials: the kernel tells niwad which user has made the connection (SO_PEERCRED). Each answer of 400 and
more is an \`Error\`; its \`code\` is for programs, its \`message\` for people. An unknown field of a query or a body is refused.`;

/** What Fastify writes where a route does not describe its answer. */
const NO_DESCRIPTION = 'Default Response';
const STATUS_WORDS: Record<string, string> = {
  101: 'the connection has changed to the protocol niwa-stream',
  200: 'what was asked for, or what has become of it',
  201: 'what was made',
  204: 'it is done',
  '4XX': 'the request is refused; `code` says why',
  '5XX': 'the host or niwad has failed, or takes no requests of this kind now; `code` says why',
};

/**
 * Makes the document that niwad publishes of the one that was made of its routes: with words for each answer, a tag for
 * each operation, and each schema with a title as a component with that name. The schemas of parameters stay where they
 * are, because a parameter has a name of its own.
 * @param more further schemas with titles, which no route sends
 * @throws Error if two different schemas have the same title, which is a defect
 */
export function toDocument(document: object, more: readonly object[] = []): object {
  const { info, paths = {}, components, ...rest } = document as Document;
  const named = new Map<string, object>();
  nameSchemas(more, named);
  const operations = Object.entries(paths).map(([path, methods]) => [
    path,
    mapValues(methods, (operation) => toOperation(path, operation, named)),
  ]);
  const schemas = Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...rest,
    info: { ...info, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/', description: 'the Unix socket of niwad' }],
    security: [],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(operations) as object,
    components: { ...components, schemas },
  };
}

function toOperation(path: string, operation: Operation, named: Map<string, object>): object {
  const { parameters, responses = {}, ...rest } = operation;
  const described = Object.entries(responses).map(([status, { description = NO_DESCRIPTION, ...answer }]) => [
    status,
    { description: description === NO_DESCRIPTION ? STATUS_WORDS[status] : description, ...answer },
  ]);
  return {
    tags: [tagOf(path)],
    ...(nameSchemas({ ...rest, responses: Object.fromEntries(described) as object }, named) as object),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

function tagOf(path: string): string {
  const [, , word = ''] = path.split('/');
  return Object.hasOwn(TAGS, word) ? word : 'node';
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
