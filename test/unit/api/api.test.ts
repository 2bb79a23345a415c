import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { pino } from 'pino';
import { type TSchema, Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { NOTHING_ALLOWED } from '../../../src/access/allowed.js';
import { Membership } from '../../../src/access/membership.js';
import { NEEDS } from '../../../src/access/operations.js';
import { Ledger } from '../../../src/accounting/ledger.js';
import { Metrics } from '../../../src/accounting/metrics.js';
import { UsageSums } from '../../../src/accounting/sums/sums.js';
import type { Api } from '../../../src/api/api.js';
import { makeApi } from '../../../src/api/server.js';
import { EventLog } from '../../../src/containers/events/event-log.js';
import { Runtime } from '../../../src/containers/runtime.js';
import { Volumes } from '../../../src/containers/volumes.js';
import { Container } from '../../../src/engine/container.js';
import { firstState } from '../../../src/engine/saved-state.js';
import { StateStore } from '../../../src/engine/state-store.js';
import { IdPool } from '../../../src/host/id-pool.js';
import { Images } from '../../../src/images/images.js';
import { ImageStore } from '../../../src/images/store.js';
import { DEFAULT_NETWORK } from '../../../src/installation/defaults.js';
import type { Peer } from '../../../src/kernel/sockets.js';
import { ContainerLog } from '../../../src/logs/log.js';
import { LogStore } from '../../../src/logs/store.js';
import { Networks } from '../../../src/network/networks.js';
import type { Paths } from '../../../src/network/services/types.js';
import { makePlan } from '../../../src/plan/plan.js';
import { Pools } from '../../../src/pools/pools.js';
import { Stocks } from '../../../src/pools/stocks.js';
import { PoolStore } from '../../../src/pools/store.js';
import { ContainerDetailsSchema, ContainerStatusSchema, ExitSchema } from '../../../src/protocol/container.js';
import { ErrorSchema } from '../../../src/protocol/error-schema.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import { DrainStatusSchema, HealthSchema, InfoSchema } from '../../../src/protocol/host.js';
import { ImageSchema } from '../../../src/protocol/images.js';
import { PortHolderSchema, ServiceStatusSchema } from '../../../src/protocol/services.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { StatsSchema } from '../../../src/protocol/stats.js';
import { HistoryPointSchema } from '../../../src/protocol/usage.js';
import { UsageAnswerSchema } from '../../../src/protocol/usage-sums.js';
import { MarkFiles } from '../../../src/services/marks.js';
import { Services } from '../../../src/services/services.js';
import { ServiceStore } from '../../../src/services/store.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { problemsOf } from '../../../src/spec/check.js';
import { VolumeStore } from '../../../src/volumes/store.js';
import { FakeKernel } from '../../fake-kernel.js';
import { nearSpecInputs, resourcesInputs, specInputs } from '../arbitrary.js';
import { capableHost, specOf } from '../support.js';

/** The statuses of the documented codes, and those of HTTP itself. */
// 504: a path of the host may not answer in time on a loaded machine.
const STATUSES = [200, 201, 204, 400, 403, 404, 405, 409, 413, 414, 415, 422, 504];
const CODES = [
  'SPEC_INVALID',
  'FORBIDDEN',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'ID_IN_USE',
  'STATE_CONFLICT',
  'HOST_UNSUPPORTED',
  'TOO_MANY_REQUESTS',
  'START_FAILED',
  'HOOK_FAILED',
  'DRAINING',
  'PATH_TIMEOUT',
];

const root: Peer = { pid: 1, uid: 0, groups: [0] };
const member: Peer = { pid: 1, uid: 1000, groups: [1000, 10] };
const reader: Peer = { pid: 1, uid: 1001, groups: [1001, 20] };
const stranger: Peer = { pid: 1, uid: 1002, groups: [1002] };

/**
 * The real runtime with one container, which has exited. It can make none: the groups would be in a place that is not
 * there.
 */
class EndedRuntime extends Runtime {
  readonly #ended = exitedContainer();
  override get(id: string): Container {
    return id === this.#ended.id ? this.#ended : super.get(id);
  }
  override list(): Container[] {
    return [this.#ended, ...super.list()];
  }
}

/** The data path of a host that has none. */
class NoPaths implements Paths {
  readonly #refuse = async () => {
    throw new NiwaError('HOST_UNSUPPORTED', 'no rules can be loaded here');
  };
  declare = this.#refuse;
  requireFree = this.#refuse;
  route = this.#refuse;
  refuse = this.#refuse;
  accept = this.#refuse;
  withdraw = async () => {};
  counts = async () => new Map();
  addresses = () => [];
  open = async () => {};
  close = async () => {};
}

let followers = 0;

/** Lets each stream of events begin with a line: its headers go out with that here. */
function beginWithLine(events: EventLog): EventLog {
  const follow = events.follow.bind(events);
  events.follow = async function* (wanted, left) {
    followers++;
    try {
      yield '{}\n';
      yield* follow(wanted, left);
    } finally {
      followers--;
    }
  };
  return events;
}

function exitedContainer(): Container {
  const spec = specOf({ id: 'web', owner: 'ann', labels: { a: 'b' }, lifetime: 60 });
  const log = new ContainerLog('/', () => {}); // where there is no segment of a log
  log.end();
  const saved = firstState(spec, makePlan(spec, capableHost), { idRange: null, lease: null }, 'boot');
  const container = Container.gone(kernel, saved, log);
  container.takeExit({
    type: 'exit',
    handle: 0,
    atNs: kernel.host.boottimeNs(),
    cause: 0,
    statusKnown: true,
    code: 0,
    signal: 0,
    row: new Float64Array(kernel.readings.columns.size).fill(Number.NaN),
    ioStat: '',
  });
  container.settle();
  return container;
}

const kernel = new FakeKernel();
kernel.failAlways('containers.create', 'ENOENT', { phase: 'group' });
let directory: string;
let ledger: Ledger;
let runtime: EndedRuntime;
let services: Services;
let pools: Pools;
let images: ImageStore;
let volumes: VolumeStore;
let events: EventLog;
let api: Api;
let peer: Peer | undefined;

const noUsers = {
  layers: () => new Set<string>(),
  images: () => ({ names: new Set<string>(), ids: new Set<string>() }),
};

async function startApi(requestsPerSecond = 1_000_000): Promise<Api> {
  const limits = { maxBytes: 2 ** 20, maxEntries: 100 };
  const made = await makeApi({
    runtime,
    services,
    pools,
    images: new Images(images, limits, noUsers, pino({ level: 'silent' })),
    volumes: new Volumes({
      ...{ policy: runtime.policy, allowed: { ...NOTHING_ALLOWED, ceilings: UNBOUNDED }, specs: () => [] },
      ...{ store: volumes, ofTemplates: () => new Map() },
      log: pino({ level: 'silent' }),
    }),
    sums: new UsageSums(ledger, join(directory, 'usage')),
    metrics: new Metrics(() => 0, '1.2.3'),
    log: pino({ level: 'silent' }),
    version: '0',
    groups: { full: 10, read: 20 },
    limits: { connections: 10, connectionsPerUser: 10, requestsPerSecond },
    sampleIntervalMs: 60_000,
    peersOf: () => () => peer,
  });
  await made.ready();
  return made;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'niwa-api-'));
  const { containersCgroup, controllers, stage } = capableHost;
  const nowhere = '/no/such/place';
  ledger = await Ledger.open(join(directory, 'ledger'), { kernel });
  images = new ImageStore(join(directory, 'images'));
  volumes = new VolumeStore(join(directory, 'volumes'));
  const log = pino({ level: 'silent' });
  const numberFile = join(directory, 'last-event');
  events = await EventLog.open({ directory: join(directory, 'events'), numberFile, bootId: 'boot', log });
  runtime = new EndedRuntime({
    events: beginWithLine(events),
    images,
    volumes,
    kernel,
    tree: { mount: nowhere, base: nowhere, containers: `${nowhere}${containersCgroup}`, controllers },
    stage,
    ledger,
    states: new StateStore(join(directory, 'containers')),
    keeperSocket: join(directory, 'keeper.sock'),
    networks: new Networks({
      settings: DEFAULT_NETWORK,
      markFile: join(directory, 'bridge'),
      groupsDirectory: join(directory, 'hosts'),
      log: pino({ level: 'silent' }),
      kernel,
    }),
    drainFile: join(directory, 'draining'),
    logs: new LogStore(
      join(directory, 'run'),
      join(directory, 'logs'),
      {
        maxBytes: 2 ** 16,
        maxFiles: 2,
        bytesPerSecond: 0,
      },
      pino({ level: 'silent' }),
      kernel,
    ),
    idPool: new IdPool(65_536, 1), // one range that is not given back would be the last
    allowed: { ...NOTHING_ALLOWED, ceilings: UNBOUNDED },
    membership: new Membership(null),
    hooks: {},
    log: pino({ level: 'silent' }),
    sampleIntervalMs: 60_000,
    interimIntervalMs: 60_000,
    defaults: UNBOUNDED,
    keepExited: 10,
  });
  const shared = { containers: runtime, membership: new Membership(null), log };
  const stocks = new Stocks({ ...shared, readyPerUser: 8, maxAgeUsec: 1e9, clock: () => 0 });
  pools = new Pools({ ...shared, stocks, store: new PoolStore(join(directory, 'pools')), perUser: 8 });
  services = new Services({
    containers: runtime,
    stocks,
    paths: new NoPaths(),
    store: new ServiceStore(join(directory, 'services')),
    marks: new MarkFiles(join(directory, 'marks'), log),
    forgetFlows: async () => {},
    connectionsOf: async () => 0,
    answers: async () => false,
    imageId: () => null,
    hasCpuController: true,
    memoryBytes: 2 ** 30,
    allowed: { ...NOTHING_ALLOWED, ceilings: UNBOUNDED },
    membership: new Membership(null),
    clock: () => 0,
    log,
  });
  api = await startApi();
});
afterAll(async () => {
  await api.close();
  await runtime.close();
  await ledger.close();
  await events.close();
  await rm(directory, { recursive: true });
});

interface Request {
  method: string;
  url: string;
  type?: string | undefined;
  body?: string | undefined;
}

/** Sends a request; of an answer that streams only the beginning counts. */
async function send(who: Peer | undefined, { method, url, type, body }: Request, to = api) {
  peer = who;
  const answer = await to.inject({
    method: method as 'GET',
    url,
    payloadAsStream: true,
    ...(type === undefined ? {} : { headers: { 'content-type': type } }),
    ...(body === undefined ? {} : { payload: body }),
  });
  const streams = answer.headers['content-type'] === 'application/x-ndjson';
  if (streams) answer.stream().destroy();
  return { status: answer.statusCode, text: streams ? '' : await text(answer.stream()) };
}

const create = (spec: object): Request => ({
  method: 'POST',
  url: '/v1/containers',
  type: 'application/json',
  body: JSON.stringify(spec),
});

/** What every answer has to be. */
function expectDocumented(method: string, { status, text: body }: { status: number; text: string }): void {
  expect(STATUSES).toContain(status);
  if (status < 400 || method === 'HEAD') return;
  const { code, message } = JSON.parse(body) as { code: string; message: string };
  expect(CODES).toContain(code);
  expect(message).toMatch(/\S/);
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'];
const ACTIONS = ['start', 'restart', 'stop', 'kill', 'pause', 'resume', 'wait', 'lifetime', 'stats', 'history', 'logs'];

const segment = fc.oneof(
  fc.constantFrom('web', 'none', '..', '%2e%2e', '%00', '%', '%e0%a4%a', '__proto__', 'a%2Fb', 'x'.repeat(200)),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map(encodeURIComponent),
);
const path = fc.oneof(
  fc.tuple(segment, fc.constantFrom('', ...ACTIONS)).map(([id, action]) => `/v1/containers/${id}/${action}`),
  segment.map((id) => `/v1/containers/${id}`),
  fc
    .tuple(segment, fc.constantFrom('', 'wake', 'scale', 'logs', 'history'))
    .map(([name, action]) => `/v1/services/${name}/${action}`),
  segment.map((name) => `/v1/services/${name}`),
  fc.constantFrom(
    '/v1/containers',
    '/v1/services',
    '/v1/ports',
    '/v1/stats',
    '/v1/events',
    '/v1/info',
    '/v1/usage',
    '/v1/health',
    '/v1/openapi.json',
    '/metrics',
  ),
  fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
);
const query = fc.array(
  fc.tuple(
    fc.constantFrom(
      'state',
      'by',
      'since',
      'until',
      'owner',
      'label',
      'start',
      'wait',
      'force',
      'timeout',
      'stream',
      'follow',
      'since',
      'until',
      'tail',
      'after',
      'id',
      'type',
      'x',
      '__proto__',
      'toString',
    ),
    fc.oneof(
      fc.constantFrom(
        'true',
        'false',
        '1',
        '',
        'a=b',
        'exited',
        '1e999',
        '-1',
        '9'.repeat(30),
        '1ms',
        '2026-11-23T13:57:15Z',
        'stderr',
        '%',
        'null',
        '{}',
      ),
      fc.string({ maxLength: 9 }).map(encodeURIComponent),
    ),
  ),
  { maxLength: 3 },
);

const deep = fc
  .tuple(fc.constantFrom('[', '{"a":', '{"process":', '- '), fc.integer({ min: 1, max: 20_000 }))
  .map(([open, depth]) => open.repeat(depth));
const huge = fc.constantFrom(1e308, 2 ** 53, -(2 ** 63), Number.MAX_VALUE, 4294967296, 0.1, -0).chain((number) =>
  fc.constantFrom<object>(
    { lifetime: number },
    { remaining: number },
    { timeout: number, signal: number },
    { resources: { pids: number, memory: { max: number }, cpu: { max: number, burst: number } } },
    { process: { args: ['a'], user: number }, lifetime: number, stopTimeout: number, oomScoreAdj: number },
    {
      process: { args: ['a'] },
      rlimits: { nofile: number },
      userns: { uids: number, gids: [{ container: number }] },
    },
  ),
);
const value = fc.oneof(
  specInputs,
  nearSpecInputs,
  fc.jsonValue(),
  huge,
  resourcesInputs.map((resources) => ({ resources })),
  fc.constantFrom<object>(
    {},
    { signal: 'TERM' },
    { signal: 'NOPE' },
    { timeout: '1s' },
    { lifetime: null },
    { remaining: '5m' },
  ),
);
const body = fc.oneof(
  value.map((input) => JSON.stringify(input)),
  value.map((input) => stringify(input)),
  fc.tuple(value, fc.nat({ max: 60 })).map(([input, cut]) => (JSON.stringify(input) ?? '').slice(0, cut)),
  deep,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    'null',
    '{"__proto__": {"init": true}}',
    '{"constructor": {"prototype": {}}}',
    'a: &a [*a]',
    'a: *nobody',
    '%YAML 1.1\n---\nprocess: {args: [!!binary aGk=, 2001-01-01]}',
    '--- 1\n--- 2',
    `a: &a [x, x]\n${'b: &b [*a, *a, *a, *a]\n'.repeat(99)}`,
    'x'.repeat(1024 * 1024 + 1),
  ),
);
const type = fc.constantFrom(
  'application/json',
  'application/json',
  'application/yaml',
  'text/yaml; charset=utf-8',
  'application/json; charset=\u0022',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'nonsense',
  '',
  undefined,
);
const requests: fc.Arbitrary<Request> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', ...METHODS),
    path,
    query,
    type,
    body: fc.option(body, { nil: undefined }),
  })
  .map(({ path: at, query: parameters, ...rest }) => ({
    ...rest,
    url: parameters.length === 0 ? at : `${at}?${parameters.map((pair) => pair.join('=')).join('&')}`,
  }));

describe('any request', () => {
  it.each([
    ['root', root],
    ['a member of the group', member],
    ['a member of the group that reads', reader],
  ])('of %s gets a documented answer', async (_, who) => {
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        expectDocumented(request.method, await send(who, request));
      }),
      { numRuns: 700 },
    );
  });

  it('to make a container is refused in words, or fails with nothing left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(specInputs, nearSpecInputs), fc.constantFrom(root, member), async (spec, who) => {
        const answer = await send(who, create(spec as object));
        expectDocumented('POST', answer);
        expect([400, 403, 422]).toContain(answer.status);
        expect(runtime.list().map(({ id }) => id)).toEqual(['web']);
      }),
      { numRuns: 300 },
    );
    const { step } = JSON.parse((await send(root, create({ process: { args: ['a'] } }))).text) as { step: object };
    expect(step).toMatchObject({ number: 1, errno: 'ENOENT' }); // and not that all ranges of ids are in use
  });

  it('of a stranger is refused, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(requests, fc.constantFrom(stranger, undefined), async (request, who) => {
        const answer = await send(who, request);
        expectDocumented(request.method, answer);
        // 400 and 414 where the path is none, before anything is looked at
        expect([400, 403, 414]).toContain(answer.status);
        if (answer.status !== 403 && request.method !== 'HEAD')
          expect(JSON.parse(answer.text)).toMatchObject({ code: 'SPEC_INVALID' });
      }),
      { numRuns: 300 },
    );
  });
});

describe('a request', () => {
  it.each<[string, Request, number, string]>([
    ['a path that does not exist', { method: 'GET', url: '/v2' }, 404, 'NOT_FOUND'],
    ['a method that is not offered', { method: 'PUT', url: '/v1/containers' }, 405, 'METHOD_NOT_ALLOWED'],
    ['a path that is no text', { method: 'GET', url: '/v1/containers/%e0%a4' }, 400, 'SPEC_INVALID'],
    ['an id that is none', { method: 'GET', url: '/v1/containers/-a' }, 400, 'SPEC_INVALID'],
    ['an id that nobody has', { method: 'GET', url: '/v1/containers/none' }, 404, 'NOT_FOUND'],
    ['a state that does not allow it', { method: 'POST', url: '/v1/containers/web/pause' }, 409, 'STATE_CONFLICT'],
    ['a query that is not known', { method: 'GET', url: '/v1/containers?x=1' }, 400, 'SPEC_INVALID'],
    ['no spec', { method: 'POST', url: '/v1/containers' }, 400, 'SPEC_INVALID'],
    ['broken JSON', { ...create({}), body: '{' }, 400, 'SPEC_INVALID'],
    ['broken YAML', { ...create({}), type: 'text/yaml', body: 'a: b: c' }, 400, 'SPEC_INVALID'],
    ['another type', { ...create({}), type: 'application/xml' }, 415, 'SPEC_INVALID'],
    ['more than a megabyte', { ...create({}), body: `"${'x'.repeat(1024 * 1024)}"` }, 413, 'SPEC_INVALID'],
  ])('with %s is refused', async (_, request, status, code) => {
    const answer = await send(root, request);
    expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([status, code]);
  });

  it.each<[string, Peer | undefined, string, string, number]>([
    ['nobody known', undefined, 'GET', '/v1/health', 403],
    ['a stranger', stranger, 'GET', '/v1/containers', 403],
    ['a reader', reader, 'GET', '/v1/containers/web', 200],
    ['a reader', reader, 'GET', '/v1/usage?by=owner&since=24h', 200],
    ['a stranger', stranger, 'GET', '/v1/usage', 403],
    ['a reader', reader, 'POST', '/v1/containers/web/stop', 403],
    ['a reader', reader, 'DELETE', '/v1/containers/none', 403],
    ['a member', member, 'DELETE', '/v1/containers/none', 404],
    ['root', root, 'POST', '/v1/containers/web/pause', 409],
  ])('of %s is answered by its role', async (_, who, method, url, status) => {
    expect((await send(who, { method, url })).status).toBe(status);
  });

  it('for the head of a stream leaves nobody behind that listens', async () => {
    const before = followers;
    await send(root, { method: 'HEAD', url: '/v1/events' });
    expect(followers).toBe(before);
  });

  it('of a member may not switch protections off, that of root may', async () => {
    const spec: SpecInput = { process: { args: ['a'] }, userns: 'host', root: { path: '/usr' } };
    const refused = await send(member, create(spec));
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.text)).toMatchObject({
      code: 'FORBIDDEN',
      problems: [{ path: 'root.path' }, { path: 'userns', found: '"host"', allowed: '"auto"' }],
    });
    expect((await send(root, create(spec))).status).toBe(422); // it comes as far as its group
  });

  it('beyond the rate of a caller waits, but not that of root or of another', async () => {
    const slow = await startApi(3);
    const health = (who: Peer) => send(who, { method: 'GET', url: '/v1/health' }, slow);
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await health(member)).status, (await health(root)).status);
    const refused = await health(member);
    expect(statuses).toContain(429);
    expect(statuses.filter((_, i) => i % 2 === 1)).toEqual([200, 200, 200, 200, 200]);
    expect((await health(reader)).status).toBe(200);
    if (refused.status === 429) expect(JSON.parse(refused.text)).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
    await slow.close();
  });
});

describe('an answer fits its schema', () => {
  it.each<[string, TSchema]>([
    ['/v1/containers', Type.Array(ContainerStatusSchema)],
    ['/v1/containers/web', ContainerDetailsSchema],
    ['/v1/containers/web/wait', ExitSchema],
    ['/v1/containers/web/stats', StatsSchema],
    ['/v1/containers/web/history', Type.Array(HistoryPointSchema)],
    ['/v1/stats', Type.Array(StatsSchema)],
    ['/v1/usage', UsageAnswerSchema],
    ['/v1/images', Type.Array(ImageSchema)],
    ['/v1/services', Type.Array(ServiceStatusSchema)],
    ['/v1/services/none', ErrorSchema],
    ['/v1/ports', Type.Array(PortHolderSchema)],
    ['/v1/drain', DrainStatusSchema],
    ['/v1/info', InfoSchema],
    ['/v1/health', HealthSchema],
    ['/v1/containers/none', ErrorSchema],
  ])('of GET %s', async (url, schema) => {
    const answer = JSON.parse((await send(root, { method: 'GET', url })).text) as object;
    expect(problemsOf(schema, answer)).toEqual([]);
    if ('properties' in schema)
      expect(Object.keys(schema.properties as object)).toEqual(expect.arrayContaining(Object.keys(answer)));
  });
});

describe('the OpenAPI document', () => {
  interface Schema {
    $ref?: string;
    type?: string;
    items?: Schema;
    anyOf?: Schema[];
  }
  interface Content {
    content?: Record<string, { schema?: Schema }>;
  }
  interface Operation {
    operationId?: string;
    summary?: string;
    requestBody?: Content;
    responses: Record<string, Content>;
  }
  interface Document {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, object> };
  }

  const readDocument = async () =>
    JSON.parse((await send(root, { method: 'GET', url: '/v1/openapi.json' })).text) as Document;
  const operationsOf = ({ paths }: Document) =>
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
    );

  it('has every route, each with an id of its own', async () => {
    const operations = operationsOf(await readDocument());
    const listed = api.printRoutes({ commonPrefix: false }).match(/\(([A-Z, ]+)\)/g) ?? [];
    const routes = listed.flatMap((methods) => methods.slice(1, -1).split(', ')).filter((method) => method !== 'HEAD');
    expect(operations).toHaveLength(routes.length);
    expect(operations.filter(({ operationId, summary }) => !operationId || !summary).map(({ name }) => name)).toEqual(
      [],
    );
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  });

  it('names the schema of everything that is sent and answered', async () => {
    const document = await readDocument();
    const { schemas } = document.components;
    const isNamed = (schema: Schema | undefined): boolean => {
      if (schema?.$ref !== undefined) return Object.hasOwn(schemas, schema.$ref.replace('#/components/schemas/', ''));
      if (schema?.anyOf !== undefined) return schema.anyOf.every(isNamed);
      return schema?.type === 'array' ? isNamed(schema.items) : schema?.type === 'null';
    };
    const unnamed = operationsOf(document).flatMap(({ name, requestBody, responses }) => {
      const bodies = [requestBody ?? {}, ...Object.values(responses)];
      const contents = bodies.flatMap(({ content = {} }) => Object.entries(content));
      return contents.filter(([, { schema }]) => !isNamed(schema)).map(([type]) => `${name} ${type}`);
    });
    expect(unnamed).toEqual([]);
    const answers = operationsOf(document).filter(({ responses }) =>
      Object.keys(responses).every((status) => !/^[123]/.test(status)),
    );
    expect(answers.map(({ name }) => name)).toEqual([]);
    expect(schemas).toHaveProperty('UsageRecord');
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
    expect([...references].filter(([, name = '']) => !Object.hasOwn(schemas, name))).toEqual([]);
  });
});

it('has a route for every operation that the policy knows', () => {
  const paths = Object.values(api.swagger().paths ?? {}) as Record<string, { operationId: string }>[];
  const named = paths.flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
  expect(named.sort()).toEqual(Object.keys(NEEDS).sort());
});
