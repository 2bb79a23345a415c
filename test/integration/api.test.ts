import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { execPath } from 'node:process';
import { Readable } from 'node:stream';
import { json as readJson } from 'node:stream/consumers';
import { execa } from 'execa';
import { expect } from 'vitest';
import { type RawRequest, raw } from './support/http.js';
import { test } from './support/test.js';

const process = { args: ['sh', '-c', 'exit 3'] };
const json = (body: unknown): RawRequest => ({ body: JSON.stringify(body), type: 'application/json' });
const yaml = (body: string): RawRequest => ({ body, type: 'application/yaml' });

test('takes a spec as JSON and as YAML', async ({ niwad }) => {
  const post = (request: RawRequest, query = '') => raw(niwad.socket, 'POST', `/v1/containers${query}`, request);
  const created = await post(json({ id: 'as-json', process }));
  expect([created.status, created.type]).toEqual([201, 'application/json; charset=utf-8']);
  expect(created.json()).toMatchObject({ id: 'as-json', state: 'created' });

  const text = 'id: as-yaml\nprocess: {args: [sh, -c, exit 3]}\nlifetime: 90s\nlabels:\n  a: b\n';
  const waited = await post(yaml(text), '?wait=true');
  expect(waited.status).toBe(201);
  expect(waited.json()).toMatchObject({
    state: 'exited',
    exit: { code: 3 },
    spec: { lifetimeUsec: 90e6, labels: { a: 'b' } },
  });
  await niwad.client.remove('as-json', { force: true });
  await niwad.client.remove('as-yaml');
});

test('does with verbs and methods what the typed client does', async ({ niwad }) => {
  const at = '/v1/containers/by-hand';
  const call = async (method: string, path: string, request?: RawRequest) => {
    const reply = await raw(niwad.socket, method, path, request);
    return [reply.status, reply.text === '' ? null : reply.json()];
  };
  const sleeper = { args: ['sleep', '1000'] };
  expect(
    await call(
      'POST',
      '/v1/containers',
      json({ id: 'by-hand', process: sleeper, owner: 'alice', labels: { k: 'v=w' } }),
    ),
  ).toMatchObject([201, {}]);
  expect(await call('POST', `${at}/start`)).toMatchObject([200, { state: 'running' }]);
  expect(await call('POST', `${at}/pause`)).toMatchObject([200, { state: 'paused' }]);
  expect(await call('GET', '/v1/containers?state=paused&owner=alice&label=k=v=w')).toMatchObject([
    200,
    [{ id: 'by-hand' }],
  ]);
  expect(await call('GET', '/v1/containers?owner=bob')).toEqual([200, []]);
  expect(await call('POST', `${at}/resume`)).toMatchObject([200, { state: 'running' }]);
  expect(await call('PATCH', at, json({ resources: {} }))).toMatchObject([200, { id: 'by-hand' }]);
  expect(await call('PUT', `${at}/lifetime`, yaml('lifetime: 1h'))).toMatchObject([
    200,
    { spec: { lifetimeUsec: 3600e6 } },
  ]);
  // not what the list above has kept of it
  const listed = { state: 'running', deadline_at: expect.any(String), spec: { lifetimeUsec: 3600e6 } };
  expect(await call('GET', '/v1/containers?owner=alice')).toMatchObject([200, [listed]]);
  expect(await call('GET', `${at}/wait?timeout=10ms`)).toEqual([200, null]);
  expect(await call('DELETE', at)).toMatchObject([409, { code: 'STATE_CONFLICT' }]);
  expect(await call('POST', `${at}/kill`, json({ signal: 'USR1' }))).toMatchObject([200, { id: 'by-hand' }]);
  expect(await call('GET', `${at}/wait`)).toMatchObject([200, { reason: 'killed' }]);
  expect(await call('POST', `${at}/stop`)).toMatchObject([409, { code: 'STATE_CONFLICT' }]);
  expect(await call('DELETE', at)).toEqual([204, null]);
  expect(await call('GET', at)).toMatchObject([404, { code: 'NOT_FOUND' }]);
});

test('writes a list while it is read, each container as it is at that moment', async ({ niwad }) => {
  const env = { filler: 'x'.repeat(100_000) };
  const ids = Array.from({ length: 40 }, (_, i) => `long-${i}`);
  for (const id of ids) await niwad.client.create({ id, process: { ...process, env }, owner: 'long' });
  const path = '/v1/containers?owner=long&state=created';
  const [response] = (await once(request({ socketPath: niwad.socket, path }).end(), 'response')) as [IncomingMessage];
  expect(response.headers['content-length']).toBeUndefined();
  await niwad.client.health(); // others are answered meanwhile
  await niwad.client.remove('long-38', { force: true });
  await niwad.client.start('long-39');
  const list = (await readJson(response)) as { id: string; state: string }[];
  expect(list.map(({ id, state }) => `${id} ${state}`)).toEqual(ids.slice(0, -2).map((id) => `${id} created`));
  for (const id of ids) await niwad.client.remove(id, { force: true }).catch(() => {});
});

test('lists page by page, and only the fields that are wanted', async ({ niwad }) => {
  for (const id of ['one', 'two', 'three', 'four']) await niwad.client.create({ id, process, owner: 'pages' });
  await niwad.client.start('two');
  await niwad.client.wait('two');
  const get = (query: string) => raw(niwad.socket, 'GET', `/v1/containers?owner=pages&${query}`);

  const first = await get('limit=3&fields=id,state');
  expect(first.json()).toEqual([
    { id: 'one', state: 'created' },
    { id: 'two', state: 'exited' },
    { id: 'three', state: 'created' },
  ]);
  const after = String(first.headers['niwa-next']);
  await niwad.client.remove('three', { force: true });
  const second = await get(`limit=3&fields=id&after=${after}`);
  expect([second.json(), second.headers['niwa-next']]).toEqual([[{ id: 'four' }], undefined]);

  expect((await get('state=live&fields=id')).json()).toEqual([{ id: 'one' }, { id: 'four' }]);
  const [whole] = (await get('limit=1')).json() as object[];
  expect((await get('limit=1&fields=usage')).json()).toEqual([{ usage: expect.any(Object) }]);
  expect(whole).toEqual((await niwad.client.list({ owner: 'pages' }))[0]);
  expect((await get('fields=id,nothing')).json()).toMatchObject({ problems: [{ path: 'fields', found: '"nothing"' }] });
  for (const query of ['limit=0', 'limit=x', 'after=one'])
    expect((await get(query)).json()).toMatchObject({ code: 'SPEC_INVALID' });
  for (const { id } of await niwad.client.list()) await niwad.client.remove(id, { force: true });
});

/** Wrong specs, the path of the field, and what the words about it hold. */
const wrong: [spec: unknown, path: string, words: string][] = [
  [{}, 'process.args', 'nothing'],
  [{ process: { args: [] } }, 'process.args', '[]'],
  [{ process: { args: 'sleep 5' } }, 'process.args', '"sleep 5"'],
  [{ process, id: 'a/b' }, 'id', '"a/b"'],
  [{ process, id: '-a' }, 'id', '"-a"'],
  [{ process, id: 'x'.repeat(65) }, 'id', '1 to 64'],
  [{ process, lifetime: 'soon' }, 'lifetime', '"soon"'],
  [{ process, lifetime: 0 }, 'lifetime', 'more than 0'],
  [{ process, resources: { memory: { max: 'lots' } } }, 'resources.memory.max', '512M'],
  [{ process, resources: { memory: { maximum: 1 } } }, 'resources.memory.maximum', 'high, low, max'],
  [{ process, resources: { io: [{ device: 'vda' }] } }, 'resources.io[0].device', '/dev/vda'],
  [{ process, network: 'host' }, 'network', '"ports"?'],
  [{ process: { ...process, user: 'no such user' } }, 'process.user', 'etc/passwd'],
  [{ process, mounts: [{ type: 'bind', target: '/x' }] }, 'mounts[0].source', 'absolute path'],
  [{ process, capabilities: { add: ['FLY'] } }, 'capabilities.add[0]', 'NET_BIND_SERVICE'],
  [{ process, stopSignal: 'SIGNOPE' }, 'stopSignal', 'SIGTERM'],
];

test.for(wrong)('refuses %j, naming %s', async ([spec, path, words], { niwad }) => {
  const records = niwad.ledger().length;
  const reply = await raw(niwad.socket, 'POST', '/v1/containers?start=true', json(spec));
  expect(reply.status).toBe(400);
  const { code, message, problems } = reply.json() as { code: string; message: string; problems: { path: string }[] };
  expect(code).toBe('SPEC_INVALID');
  expect(problems.map((problem) => problem.path)).toEqual([path]);
  expect(message).toContain(`${path}: found `);
  expect(message).toContain('; allowed: ');
  expect(message).toContain(words);
  expect(await niwad.client.list()).toEqual([]);
  expect(niwad.groups()).toEqual([]);
  expect(niwad.ledger()).toHaveLength(records);
});

test('names every wrong field at once', async ({ niwad }) => {
  const spec = { process: { args: [1] }, lifetime: -1, foo: 1 };
  const reply = await raw(niwad.socket, 'POST', '/v1/containers', json(spec));
  const { problems } = reply.json() as { problems: { path: string }[] };
  expect(problems.map(({ path }) => path).sort()).toEqual(['foo', 'lifetime', 'process.args[0]']);
});

/** Requests that are wrong in another way than by a field of the spec. */
const refused: [what: string, method: string, path: string, request: RawRequest, status: number, code: string][] = [
  ['broken JSON', 'POST', '/v1/containers', { body: '{"process"', type: 'application/json' }, 400, 'SPEC_INVALID'],
  ['broken YAML', 'POST', '/v1/containers', yaml('a: [1'), 400, 'SPEC_INVALID'],
  ['no body', 'POST', '/v1/containers', {}, 400, 'SPEC_INVALID'],
  [
    'an unknown type',
    'POST',
    '/v1/containers',
    { body: 'a=b', type: 'application/x-www-form-urlencoded' },
    415,
    'SPEC_INVALID',
  ],
  [
    'a body that is too long',
    'POST',
    '/v1/containers',
    { type: 'application/json', announced: 2 ** 21 },
    413,
    'SPEC_INVALID',
  ],
  ['an unknown query', 'POST', '/v1/containers?started=true', json({ process }), 400, 'SPEC_INVALID'],
  ['a wrong query', 'POST', '/v1/containers?start=yes', json({ process }), 400, 'SPEC_INVALID'],
  ['a wrong id', 'GET', '/v1/containers/a%20b', {}, 400, 'SPEC_INVALID'],
  ['an unknown id', 'GET', '/v1/containers/nobody/stats', {}, 404, 'NOT_FOUND'],
  ['a wrong signal', 'POST', '/v1/containers/nobody/kill', json({ signal: 'SIGNOPE' }), 400, 'SPEC_INVALID'],
  ['a wrong lifetime', 'PUT', '/v1/containers/nobody/lifetime', json({ lifetime: 'x' }), 400, 'SPEC_INVALID'],
  ['an empty lifetime', 'PUT', '/v1/containers/nobody/lifetime', json({}), 400, 'SPEC_INVALID'],
  ['an unknown route', 'GET', '/v1/nothing', {}, 404, 'NOT_FOUND'],
  ['an unknown version', 'GET', '/v2/containers', {}, 404, 'NOT_FOUND'],
  ['a wrong method', 'PUT', '/v1/containers', json({}), 405, 'METHOD_NOT_ALLOWED'],
];

test.for(refused)(
  'answers %s in the one shape of errors',
  async ([, method, path, request, status, code], { niwad }) => {
    const reply = await raw(niwad.socket, method, path, request);
    expect([reply.status, reply.type]).toEqual([status, 'application/json; charset=utf-8']);
    expect(reply.json()).toMatchObject({ code, message: expect.stringMatching(/\w+/) });
    expect(await niwad.client.list()).toEqual([]);
  },
);

test('describes every route in an OpenAPI document', async ({ niwad }) => {
  const document = (await niwad.client.openapi()) as {
    openapi: string;
    info: { version: string };
    paths: Record<string, Record<string, { summary: string; responses: object }>>;
  };
  expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\./), info: { title: 'niwa' } });
  const methods = Object.fromEntries(
    Object.entries(document.paths).map(([path, item]) => [path, Object.keys(item).sort()]),
  );
  expect(methods).toMatchObject({
    '/v1/containers': ['get', 'post'],
    '/v1/containers/{id}': ['delete', 'get', 'patch'],
    '/v1/containers/{id}/lifetime': ['put'],
    '/v1/events': ['get'],
    '/v1/info': ['get'],
    '/metrics': ['get'],
  });
  for (const verb of ['start', 'stop', 'kill', 'pause', 'resume'])
    expect(methods[`/v1/containers/{id}/${verb}`]).toEqual(['post']);
  for (const verb of ['wait', 'stats', 'history', 'logs'])
    expect(methods[`/v1/containers/{id}/${verb}`]).toEqual(['get']);
  for (const item of Object.values(document.paths))
    for (const operation of Object.values(item)) {
      expect(operation.summary).toMatch(/\w/);
      expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
    }
  expect(JSON.stringify(document)).toContain('stopTimeout');
});

test('tells its health, and what its host can do', async ({ niwad }) => {
  expect((await raw(niwad.socket, 'GET', '/v1/health')).json()).toEqual({ status: 'ok' });
  const info = await niwad.client.info();
  expect(info).toMatchObject({ pid: niwad.pid, cgroup: { containers: niwad.containers }, doctor: { ok: true } });
  expect(info.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(info.doctor.checks.length).toBeGreaterThan(5);
});

test('is at hand for programs as the client of the package', async ({ niwad }) => {
  const program = `
    import { NiwaClient, NiwaError } from 'niwa';
    const client = new NiwaClient(process.argv[1]);
    const error = await client.inspect('nobody').catch((thrown) => thrown);
    console.log((await client.health()).status, error instanceof NiwaError, error.code);
    await client.close();`;
  const cwd = new URL('../..', import.meta.url);
  const { stdout } = await execa(execPath, ['--input-type=module', '-e', program, niwad.socket], { cwd });
  expect(stdout).toBe('ok true NOT_FOUND');
});

test('gives metrics as Prometheus text', async ({ niwad }) => {
  await niwad.start({ id: 'measured', process: { args: ['sleep', '1000'] }, owner: 'al"ice' });
  const { text, type } = await raw(niwad.socket, 'GET', '/metrics');
  await niwad.client.remove('measured', { force: true });
  expect(type).toMatch(/^text\/plain/);
  const label = '[a-z_]+="(?:[^"\\\\]|\\\\.)*"';
  const sample = new RegExp(`^[a-z_]+(?:\\{${label}(?:,${label})*\\})? -?[0-9.e+-]+$`);
  for (const line of text
    .trimEnd()
    .split('\n')
    .filter((one) => one !== '' && !one.startsWith('# ')))
    expect(line).toMatch(sample);
  expect(text).toMatch(/^niwa_container_cpu_usage_seconds_total\{id="measured",owner="al\\"ice"\} [0-9.e-]+$/m);
  expect(text).toContain('# TYPE niwa_container_cpu_usage_seconds_total counter');
  expect(text).toMatch(/^niwa_containers\{state="running"\} 1$/m);
  expect(text).toMatch(/^niwa_starts_total \d+$/m);
  expect(text).toMatch(/^niwa_exits_total\{reason="exited"\} \d+$/m);
});

test('what is refused before all of it was sent is answered, not cut off', async ({ niwad }) => {
  const args = ['true', 'x'.repeat(5_000_000)];
  const tries = Array.from({ length: 10 }, (_, i) => i);
  const requests = tries.flatMap(() => [
    niwad.client.create({ process: { args } }),
    niwad.client.exec('nobody', { args }),
    niwad.client.importImage(Readable.from([Buffer.alloc(5_000_000)]), 'NO NAME').next(),
  ]);
  const codes = requests.map((request) => request.catch((error: { code: string }) => error.code));
  expect(new Set(await Promise.all(codes))).toEqual(new Set(['SPEC_INVALID']));
});
