import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { isOperation, type Operation } from '../access/operations.js';
import { NiwaError } from '../protocol/errors.js';
import { ExecSchema } from '../protocol/exec.js';
import { FilesTar } from '../protocol/files.js';
import { ImageTar } from '../protocol/images.js';
import { UsageRecordSchema } from '../protocol/record.js';
import { ServiceInputSchema } from '../protocol/service.js';
import { SpecSchema } from '../protocol/spec.js';
import { MAX_BODY_BYTES } from '../spec/bounds.js';
import { parseAs } from '../spec/check.js';
import { shortened } from '../spec/problems.js';
import type { Api, ApiOptions } from './api.js';
import { auditOperations } from './audit.js';
import { readBodies } from './bodies.js';
import { boundConnections } from './connections.js';
import { takeNamesOfEngines } from './engine-names.js';
import { toErrorReply } from './errors.js';
import { refuseUnrouted } from './methods.js';
import { toDocument } from './openapi.js';
import { rememberCallers, rememberPeers } from './peer.js';
import { Refusals } from './refusals.js';
import { containerRoutes } from './routes/containers.js';
import { eventRoutes } from './routes/events.js';
import { execRoutes } from './routes/exec.js';
import { fileRoutes } from './routes/files.js';
import { hostRoutes } from './routes/host.js';
import { imageRoutes } from './routes/images.js';
import { listRoutes } from './routes/list.js';
import { logRoutes } from './routes/logs.js';
import { planRoute } from './routes/plan.js';
import { poolRoutes } from './routes/pools.js';
import { portRoutes } from './routes/ports.js';
import { serviceLogRoutes } from './routes/service-logs.js';
import { serviceRoutes } from './routes/services.js';
import { statsRoutes } from './routes/stats.js';
import { usageRoutes } from './routes/usage.js';
import { volumeRoutes } from './routes/volumes.js';
import { acceptUpgrades } from './upgrade.js';
import { boundUploads } from './uploads.js';

/**
 * How long a client may take to send the headers; then its connection is closed. The time of an answer is not limited.
 */
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 2_000;
/** How many characters of the address of a failed request the log shows. */
const SHOWN_URL = 200;

/**
 * Makes the HTTP server of the API; it does not listen yet. Of the hooks that every request passes only limitRates()
 * waits for a promise: to wait takes longer than the work of the others. One of them has to wait: otherwise a request
 * is answered while Node.js parses its head, and does not know yet whether it has a body.
 */
export async function makeApi(options: ApiOptions): Promise<Api> {
  const api: Api = Fastify({
    childLoggerFactory: () => options.log, // given as the logger, it would make one of its own for each request
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 0, // boundUploads() limits the time instead
    http: { connectionsCheckingInterval: CHECK_INTERVAL_MS },
    forceCloseConnections: true,
    exposeHeadRoutes: false, // a HEAD request never reads the body, so a body that is a stream would never end
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const { status, body } = toErrorReply(error);
      return reply.status(status).send(body);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  api.server.headersTimeout = HEADERS_TIMEOUT_MS;
  nameOperations(api);
  boundUploads(api);
  checkCallers(api, options);
  await limitRates(api, options.limits.requestsPerSecond);
  useOneValidation(api);
  useOneErrorShape(api, options);
  refuseUnrouted(api);
  readBodies(api);
  acceptUpgrades(api, MAX_BODY_BYTES);
  requireOperations(api);
  await api.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'niwa', version: options.version } },
    transformObject: (document) =>
      toDocument('openapiObject' in document ? document.openapiObject : {}, [UsageRecordSchema]),
  });
  takeNamesOfEngines(api, options);
  await api.register(async (routes: FastifyInstance) => {
    listRoutes(routes as Api, options);
    containerRoutes(routes as Api, options);
    planRoute(routes as Api, options);
    statsRoutes(routes as Api, options);
    logRoutes(routes as Api, options);
    eventRoutes(routes as Api, options);
    hostRoutes(routes as Api, options);
    imageRoutes(routes as Api, options);
    volumeRoutes(routes as Api, options);
    usageRoutes(routes as Api, options);
    serviceRoutes(routes as Api, options);
    serviceLogRoutes(routes as Api, options);
    poolRoutes(routes as Api, options);
    portRoutes(routes as Api, options);
    execRoutes(routes as Api, options);
    fileRoutes(routes as Api, options);
  });
  return api;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Which operation is asked for; null where there is no such route. */
    operation: Operation | null;
  }
}

/** For the hooks: what Fastify knows of a route is put together anew each time that a hook asks for it. */
function nameOperations(api: Api): void {
  api.decorateRequest('operation', null);
  api.addHook('onRequest', (request, _reply, next) => {
    const { operationId } = request.routeOptions.schema ?? {};
    if (isOperation(operationId)) request.operation = operationId;
    next();
  });
}

function checkCallers(api: Api, { runtime, groups, limits, log, peersOf = rememberPeers }: ApiOptions): void {
  const peerOf = peersOf(api.server);
  const refusals = new Refusals((left) => log.warn({ refusals: left }, 'refusals of the last minute without a line'));
  boundConnections(api.server, peerOf, groups, limits, (peer, { code, message }) => {
    if (refusals.mayTell(peer?.uid ?? -1))
      log.warn({ uid: peer?.uid ?? null, pid: peer?.pid ?? null, result: code, why: message }, 'connection refused');
  });
  auditOperations(api, log, refusals, ({ raw }) => peerOf(raw.socket));
  const callerBehind = rememberCallers(peerOf, groups);
  api.decorateRequest('caller');
  api.addHook('onRequest', (request, _reply, next) => {
    request.caller = callerBehind(request.raw.socket);
    // checked before any byte of the body is read
    if (request.operation !== null) runtime.policy.require(request.operation, request.caller);
    next();
  });
}

const NO_QUERY = Type.Object(
  {},
  { additionalProperties: false, description: 'no field: this operation has none in its query' },
);

/**
 * Every route must be an operation, else no policy would restrict it to any role. A route that names no fields of its
 * query has none, so that a misspelt field is refused everywhere.
 */
function requireOperations(api: Api): void {
  api.addHook('onRoute', ({ method, url, schema }) => {
    if (!isOperation(schema?.operationId))
      throw new NiwaError('INTERNAL', `${String(method)} ${url} has no operation of src/access/operations.ts`);
    schema.querystring ??= NO_QUERY;
  });
}

/**
 * Limits the requests of each caller, so that one caller cannot block the others. Root is not limited, because root
 * could stop the daemon anyway.
 */
async function limitRates(api: Api, requestsPerSecond: number): Promise<void> {
  await api.register(rateLimit, {
    global: false,
    max: requestsPerSecond,
    timeWindow: 1000,
    keyGenerator: ({ caller }) => String(caller.uid),
    errorResponseBuilder: () =>
      new NiwaError(
        'TOO_MANY_REQUESTS',
        `more than ${requestsPerSecond} requests in a second; wait, and ask less often`,
      ),
  });
  const limit = api.rateLimit();
  const atOnce = Promise.resolve();
  api.addHook('onRequest', (request, reply, next) => {
    const allowed = request.caller.uid === 0 ? atOnce : limit.call(api, request, reply);
    allowed.then(() => next(), next);
  });
}

/**
 * Requests are checked by the same code, and refused with the same messages, as specs on the command line. The schemas
 * in this list are not checked here: specs, services and execs are checked more strictly than by their schemas, and the
 * tar of an image is a stream.
 */
const CHECKED_LATER: unknown[] = [SpecSchema, ServiceInputSchema, ExecSchema, ImageTar, FilesTar];

function useOneValidation(api: Api): void {
  api.setValidatorCompiler(({ schema, httpPart }) => {
    if (CHECKED_LATER.includes(schema)) return (value: unknown) => ({ value });
    return (value: unknown) => {
      return { value: parseAs('the request', schema as TSchema, convertQuery(schema as TSchema, value, httpPart)) };
    };
  });
  api.setSerializerCompiler(() => JSON.stringify);
}

/** The part of a JSON schema that the conversion of a query reads. */
interface Node {
  type?: string;
  const?: unknown;
  anyOf?: Node[];
}

/**
 * Query parameters arrive as text. "true", "false" and plain numbers become JSON values, unless the schema accepts any
 * text.
 */
function convertQuery(schema: TSchema, value: unknown, httpPart: string | undefined): unknown {
  if (httpPart !== 'querystring') return value;
  const { properties = {} } = schema as { properties?: Record<string, Node> };
  const query = value as Record<string, unknown>;
  for (const [name, text] of Object.entries(query))
    if (!takesText(properties[name]) && /^(true|false|0|[1-9][0-9]{0,14})$/.test(String(text)))
      query[name] = JSON.parse(String(text)) as unknown;
  return query;
}

function takesText(node: Node = {}): boolean {
  return (node.type === 'string' && node.const === undefined) || (node.anyOf ?? []).some(takesText);
}

function useOneErrorShape(api: Api, { log }: ApiOptions): void {
  api.setErrorHandler((error, request, reply) => {
    const { status, body } = toErrorReply(error);
    if (body.code === 'DAEMON_UNREACHABLE') void reply.header('connection', 'close'); // the client then sends its next request to the next niwad
    if (request.audit !== null) request.audit.failed(error, body);
    else if (status >= 500 && body.code !== 'DRAINING' && body.code !== 'DAEMON_UNREACHABLE')
      log.error({ err: error, url: shortened(request.url, SHOWN_URL) }, 'request failed');
    return reply.status(status).send(body);
  });
}
