import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tarOf } from '../unit/images/make-tar.js';
import { PATIENCE } from './support/host.js';
import { type RawRequest, type Reply, raw } from './support/http.js';
import { dockerTar, shell } from './support/images.js';
import { makeNetwork, nodePlace, startOnNode } from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { serviceOf } from './support/services.js';

/** Real answers of every operation are what the OpenAPI document says: status, content type, each field, and no others. */

interface Operation {
  operationId: string;
  responses: Record<string, { content?: Record<string, object> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
}

const place = nodePlace();
let niwad: Niwad;
let document: Document;
const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
const asked = new Set<string>();

makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(place);
  document = (await raw(niwad.socket, 'GET', '/v1/openapi.json')).json() as Document;
  ajv.addSchema(closed(document) as object, 'openapi');
});
afterAll(async () => {
  for (const { name } of await niwad.client.services()) await niwad.client.removeService(name);
  await vi.waitFor(async () => expect(await niwad.client.services()).toEqual([]), PATIENCE);
});

/** Gives a document whose objects have no fields but those that it names. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const whole: Record<string, unknown> = Object.fromEntries(
    Object.entries(node).map(([key, part]) => [key, closed(part)]),
  );
  const isOpen = whole.type === 'object' && typeof whole.properties === 'object' && !('additionalProperties' in whole);
  return isOpen ? { ...whole, additionalProperties: false } : whole;
}

const json = (value: unknown): RawRequest => ({ type: 'application/json', body: JSON.stringify(value) });

/** Sends a request, and holds the answer against the document. */
async function ask(
  operationId: string,
  status: number,
  query: string,
  parameter = '',
  request: RawRequest = {},
): Promise<Reply> {
  const [path = '', method = ''] =
    Object.entries(document.paths)
      .flatMap(([at, methods]) => Object.entries(methods).map(([verb, operation]) => [at, verb, operation.operationId]))
      .find(([, , id]) => id === operationId) ?? [];
  const url = `${path.replace(/\{[^}]+\}/, parameter)}${query}`;
  const reply = await raw(niwad.socket, method.toUpperCase(), url, { ...request, keep: true });
  expect(`${operationId} ${reply.status} ${reply.status === status ? '' : reply.text}`).toBe(
    `${operationId} ${status} `,
  );
  expect([operationId, ...problemsOf(path, method, reply)]).toEqual([operationId]);
  asked.add(operationId);
  return reply;
}

/** Gives what of an answer is not as the document says. */
function problemsOf(path: string, method: string, { status, type, text }: Reply): unknown[] {
  const responses = document.paths[path]?.[method]?.responses ?? {};
  const key = [`${status}`, `${Math.floor(status / 100)}XX`].find((one) => Object.hasOwn(responses, one));
  if (key === undefined) return [`status ${status} is not in the document`];
  const { content } = responses[key] ?? {};
  if (content === undefined) return text === '' ? [] : ['a body that is not in the document'];
  const media = Object.keys(content).find((one) => type.split(';')[0] === one);
  if (media === undefined) return [`content type ${type} is not in the document`];
  const pointer = ['paths', path, method, 'responses', key, 'content', media, 'schema'].map(escapePointer).join('/');
  const values = valuesOf(media, text);
  const check = ajv.getSchema(`openapi#/${pointer}`) ?? ajv.compile({ $ref: `openapi#/${pointer}` });
  return values.flatMap((value) =>
    check(value)
      ? []
      : (check.errors ?? []).map(({ instancePath, message, params }) => ({ instancePath, message, params })),
  );
}

function valuesOf(media: string, text: string): unknown[] {
  if (media === 'application/json') return [JSON.parse(text)];
  if (media !== 'application/x-ndjson') return [text];
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as unknown);
}

function escapePointer(word: string): string {
  return encodeURIComponent(word.replaceAll('~', '~0').replaceAll('/', '~1'));
}

const spec = { id: 'a', process: { args: ['sh', '-c', 'echo out; sleep 1000'] }, lifetime: '1h', labels: { x: 'y' } };

test('a container', async () => {
  await ask('planContainer', 200, '', '', json(spec));
  await ask('createContainer', 201, '', '', json(spec));
  await ask('createContainer', 409, '', '', json(spec));
  await ask('createContainer', 400, '', '', json({ process: { args: [] }, nosuch: 1 }));
  await ask('createContainer', 422, '?start=true', '', json({ process: { args: ['/no/such'] } }));
  await ask('createContainer', 415, '', '', { type: 'text/plain', body: 'x' });
  await ask('startContainer', 200, '', 'a');
  await ask('startContainer', 409, '', 'a');
  await niwad.client.create({ id: 'ended', process: { args: ['true'] } }, { start: true, wait: true });
  await ask('restartContainer', 200, '', 'ended');
  await ask('restartContainer', 404, '', 'b');
  await niwad.client.wait('ended');
  await vi.waitFor(async () => expect((await niwad.client.inspect('a')).rates).not.toBeNull(), PATIENCE);
  await ask('listContainers', 200, '?limit=1');
  await ask('listContainers', 200, '');
  await ask('inspectContainer', 200, '', 'a');
  await ask('inspectContainer', 404, '', 'b');
  await ask('readStats', 200, '', 'a');
  await ask('readStats', 200, '?stream=true', 'ended');
  await ask('readAllStats', 200, '');
  await ask('readHistory', 200, '', 'a');
  expect((await ask('readLogs', 200, '', 'a')).text).not.toBe('');
  await ask('execInContainer', 400, '', 'a', json({ args: ['true'] }));
  await ask('execInContainer', 201, '', 'a', json({ args: ['true'], detach: true }));
  await ask('attachToContainer', 400, '', 'a');
  const copied = await ask('copyFromContainer', 200, '?path=/etc/passwd', 'a');
  expect(copied.text).toContain('root:');
  await ask('copyFromContainer', 404, '?path=/etc/nosuch', 'a');
  const tar = { type: 'application/x-tar', body: tarOf({ type: '0', path: 'x', data: 'y' }) };
  await ask('copyToContainer', 204, '?path=/tmp', 'a', tar);
  await ask('pauseContainer', 200, '', 'a');
  await ask('resumeContainer', 200, '', 'a');
  await ask('setLifetime', 200, '', 'a', json({ remaining: '30m' }));
  await ask('updateContainer', 400, '', 'a', json({ resources: { pids: { max: 'x' } } }));
  await ask('waitForContainer', 200, '?timeout=10ms', 'a');
  await ask('killContainer', 200, '', 'a', json({ signal: 'SIGCONT' }));
  await ask('stopContainer', 200, '', 'a', json({ timeout: 0 }));
  await ask('waitForContainer', 200, '', 'a');
  await ask('inspectContainer', 200, '', 'a');
  await ask('removeContainer', 204, '', 'a');
  await ask('removeContainer', 404, '', 'a');
  await ask('readUsage', 200, '?limit=1');
  await ask('readUsage', 200, '?by=owner');
  const events = await ask('streamEvents', 200, '?after=0&until=0s');
  expect(events.text.split('\n').length).toBeGreaterThan(5);
});

test('an image', async () => {
  const tar = { type: 'application/x-tar', body: dockerTar([tarOf(...shell())]) };
  await ask('importImage', 200, '?name=answers', '', tar);
  await ask('importImage', 200, '?name=answers', '', { ...tar, body: 'no tar' });
  await ask('listImages', 200, '');
  await ask('inspectImage', 200, '?name=answers');
  await ask('tagImage', 200, '?name=answers&added=again');
  await ask('saveImage', 200, '?name=answers');
  await ask('removeImage', 204, '?name=answers');
  await ask('removeImage', 404, '?name=answers');
  await ask('pruneImages', 200, '');
});

test('a volume', async () => {
  await ask('createVolume', 200, '', '', json({ name: 'answers' }));
  await ask('createVolume', 400, '', '', json({ name: '../x' }));
  await ask('listVolumes', 200, '?size=true');
  await ask('inspectVolume', 200, '', 'answers');
  await ask('removeVolume', 204, '', 'answers');
  await ask('removeVolume', 404, '', 'answers');
  await ask('pruneVolumes', 200, '');
});

test('a pool', async () => {
  const jobs = { name: 'jobs', ahead: 1, template: { process: { args: ['true'] } } };
  await ask('createPool', 200, '', '', json(jobs));
  await ask('createPool', 400, '', '', json({ ...jobs, ahead: 0 }));
  await ask('listPools', 200, '');
  await ask('inspectPool', 200, '', 'jobs');
  await ask('startFromPool', 201, '?wait=true', 'jobs');
  await ask('startFromPool', 400, '?ready=true', 'jobs');
  await ask('removePool', 204, '', 'jobs');
  await ask('startFromPool', 404, '', 'jobs');
});

test('a service', async () => {
  const shop = serviceOf({ drain: 0 });
  await ask('applyService', 200, '?dry_run=true', 'shop', json(shop));
  await ask('applyService', 200, '', 'shop', json(shop));
  await ask('applyService', 400, '', 'shop', json({ ...shop, slots: 0 }));
  await ask('listServices', 200, '');
  await ask('wakeService', 200, '', 'shop');
  await ask('inspectService', 200, '', 'shop');
  await ask('scaleService', 200, '', 'shop', json({ instances: 0 }));
  await ask('readServiceLogs', 200, '', 'shop');
  await ask('readServiceHistory', 200, '', 'shop');
  await ask('listPorts', 200, '');
  await ask('removeService', 204, '', 'shop');
  await ask('inspectService', 404, '', 'nosuch');
});

test('the node', async () => {
  await ask('checkHealth', 200, '');
  await ask('readInfo', 200, '');
  await ask('readOpenApi', 200, '');
  await ask('readMetrics', 200, '');
  await ask('readDrain', 200, '');
  await ask('drain', 200, '');
  await ask('createContainer', 503, '', '', json({ process: { args: ['true'] } }));
  await ask('undrain', 200, '');
});

test('no operation is left out', () => {
  const all = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(all.filter((operation) => !asked.has(operation))).toEqual([]);
});
