import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { ServiceInput, ServiceStatus } from '../../src/client/index.js';
import { tarOf } from '../unit/images/make-tar.js';
import { PATIENCE } from './support/host.js';
import { dockerTar, importBytes, shell } from './support/images.js';
import { makeNetwork, nodePlace, startOnNode, WORLD } from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { askOnce, serviceOf } from './support/services.js';
import { asUser, type User } from './support/user.js';

/** Services as the API and the command line show them. */

const directory = mkdtempSync(join(tmpdir(), 'niwa-service-api-'));
const GROUP = 4342;
const READ_GROUP = 4343;
const place = nodePlace({}, { group: GROUP, readGroup: READ_GROUP });
let niwad: Niwad;
makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(place);
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  for (const { name } of await niwad.client.services()) await niwad.client.removeService(name);
  await vi.waitFor(async () => expect(await niwad.client.services()).toEqual([]), PATIENCE);
});

/** Gives the path of a file with these services, a document for each. */
function fileOf(...services: ServiceInput[]): string {
  const path = join(directory, 'services.yaml');
  writeFileSync(path, services.map((service) => `---\n${stringify(service)}`).join(''));
  return path;
}

const shop = serviceOf({ drain: 0, owner: 'alice' });
const blog: ServiceInput = { ...shop, service: 'blog', listen: ['0.0.0.0:8081', '[::]:8081'], slots: 2 };

describe('niwa service apply', () => {
  it('creates, does nothing, changes by difference, and tells before what would change', async () => {
    const file = fileOf(shop, blog);
    expect(await niwad.cli('service', 'apply', '--dry-run', file)).toMatchObject({
      exitCode: 0,
      stdout: 'shop would be created\nblog would be created',
    });
    expect(await niwad.client.services()).toEqual([]);
    expect(await niwad.cli('service', 'apply', file)).toMatchObject({
      exitCode: 0,
      stdout: 'shop created\nblog created',
    });
    expect((await niwad.cli('service', 'apply', file)).stdout).toBe('shop unchanged\nblog unchanged');
    const changed = fileOf({ ...shop, slots: 3 });
    const words = 'changed\n  slots: 1 -> 3';
    expect((await niwad.cli('service', 'apply', '--dry-run', changed)).stdout).toBe(`shop would be ${words}`);
    expect((await niwad.client.service('shop')).slots).toBe(1);
    expect((await niwad.cli('service', 'apply', changed)).stdout).toBe(`shop ${words}`);
    expect((await niwad.client.services()).map(({ name, slots }) => [name, slots])).toEqual([
      ['blog', 2],
      ['shop', 3],
    ]);
  });

  it('refuses what is wrong with 2, and applies the others all the same', async () => {
    const { exitCode, stdout, stderr } = await niwad.cli('service', 'apply', fileOf({ ...shop, port: 0 }, blog));
    expect([exitCode, stdout]).toEqual([2, 'blog created']);
    expect(stderr).toMatch(/^niwa: shop: the service is invalid: port: found 0; allowed: /);
    const taken = await niwad.cli('service', 'apply', fileOf({ ...shop, listen: ['0.0.0.0:8081'] }));
    expect(taken).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/8081/) });
  });

  it('tells before what would be refused, and what could not start', async () => {
    await niwad.client.applyService(blog);
    const dryRun = (fields: object) => niwad.cli('service', 'apply', '--dry-run', fileOf({ ...shop, ...fields }));
    expect(await dryRun({ listen: ['0.0.0.0:8081'] })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^niwa: shop: service blog holds 0\.0\.0\.0:8081 .*`niwa ports`/),
    });
    expect(await dryRun({ listen: ['203.0.113.7:8080'] })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('found "203.0.113.7:8080"; allowed: addresses of this host'),
    });
    const template = { ...shop.template, root: { path: '/nosuch' } };
    expect(await dryRun({ template })).toMatchObject({
      exitCode: 0,
      stderr: 'niwa: warning: template.root.path: there is no /nosuch on this node now: starts will fail',
    });
  });
});

it('wakes with 0 and tells its phases, and with 1 where it is refused', async () => {
  await niwad.client.applyService(shop);
  const woken = await niwad.cli('service', 'wake', 'shop');
  expect(woken).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^shop serves: shop-\w+, after \S+ \(start \S+, ready \S+, route \S+\)$/),
  });
  const again = await niwad.client.wakeService('shop');
  expect(again).toMatchObject({ name: 'shop', woken: false, latency: null });
  expect((await niwad.cli('service', 'wake', 'nosuch')).exitCode).toBe(1);
  await niwad.client.applyService({ ...blog, template: { process: { args: ['/none'] } } });
  const { exitCode, stderr } = await niwad.cli('service', 'wake', 'blog');
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^niwa: service blog was not woken/)]);
});

it('is listed, inspected, held and told of', async () => {
  await niwad.client.applyService(shop);
  const id = await askOnce(WORLD);
  const { stdout: list } = await niwad.cli('service', 'ls');
  expect(list).toMatch(/^NAME +STATE .*\nshop +serving +1 +1 +0\.0\.0\.0:8080 +\d+ +1 +\S+ +- +alice$/);
  const inspected = await niwad.cli('service', 'inspect', 'shop', '--json');
  const status = JSON.parse(inspected.stdout) as ServiceStatus;
  expect(status).toMatchObject({ name: 'shop', state: 'serving', instances: [{ id, phase: 'routed' }], uid: 0 });
  expect(status.last_wake?.total_usec).toBeGreaterThan(0);
  expect((await niwad.cli('service', 'scale', 'shop', '0')).stdout).toBe('shop holds 0 of 1 slots');
  await vi.waitFor(async () => expect((await niwad.client.service('shop')).instances).toEqual([]), PATIENCE);
  expect((await niwad.cli('service', 'wake', 'shop')).exitCode).toBe(1);
  expect((await niwad.cli('service', 'scale', 'shop', 'auto')).stdout).toBe('shop: load decides');
  expect((await niwad.cli('service', 'scale', 'shop', '2')).exitCode).toBe(2);
  expect((await niwad.cli('service', 'scale', 'shop', 'many')).exitCode).toBe(2);
  const { stdout: history } = await niwad.cli('service', 'history', 'shop');
  expect(history).toMatch(/ start .* route .* unroute /s);
  expect((await niwad.cli('service', 'history', '--figures', 'shop')).stdout).toMatch(/^TIME +SECONDS +HELD +WAKES /);
  expect((await niwad.cli('service', 'rm', 'shop', 'nosuch')).exitCode).toBe(1);
});

it('gives the output of its instances behind their ids, also of those that have ended, and follows later ones', async () => {
  const program = `import socket; print('woken', flush=True)\n${shop.template.process?.args?.[2]}`;
  const talking = { ...shop, template: { process: { args: ['python3', '-c', program] } } };
  await niwad.client.applyService(talking);
  const first = await askOnce(WORLD);
  await niwad.client.remove(first, { force: true });
  const second = await askOnce(WORLD);
  const controller = niwad.client.serviceLogs('shop', { follow: true });
  const followed = [(await controller.next()).value?.instance];
  await niwad.client.stop(second);
  const third = await askOnce(WORLD);
  followed.push((await controller.next()).value?.instance);
  await controller.return(undefined);
  expect(followed).toEqual([second, third]);
  expect((await niwad.cli('service', 'logs', 'shop')).stdout).toBe(`${second} woken\n${third} woken`);
  expect((await niwad.cli('service', 'logs', '-t', '--tail', '0', 'shop')).stdout).toBe('');
});

it('is changed only by the user who applied it or root, not below port 1024, and woken by no reader', async ({
  skip,
}) => {
  const [ann, bob, reader] = [
    { uid: 1234, gid: GROUP },
    { uid: 1235, gid: GROUP },
    { uid: 1236, gid: READ_GROUP },
  ] as const;
  const as = (user: User, method: string, path: string, body?: object) =>
    asUser(niwad, skip, user, { method, path: `/v1/services/${path}`, ...(body === undefined ? {} : { body }) });
  const { owner: _, ...unowned } = shop;
  expect(await as(ann, 'PUT', 'shop', { ...unowned, listen: ['0.0.0.0:80'] })).toMatch(
    /403 Forbidden.*listen\[0\]: found 80; allowed: ports from 1024 on/s,
  );
  expect(await as(ann, 'PUT', 'shop', unowned)).toMatch(/200 OK.*"result":"created"/s);
  expect((await niwad.client.service('shop')).uid).toBe(1234);
  for (const [method, path, body] of [
    ['PUT', 'shop', { ...unowned, slots: 2 }],
    ['PUT', 'shop/scale', { instances: 1 }],
    ['DELETE', 'shop'],
  ] as const)
    expect(await as(bob, method, path, body)).toMatch(/403 Forbidden.*user 1234 has applied it/s);
  expect(await as(reader, 'POST', 'shop/wake')).toMatch(/403 Forbidden.*may only look/s);
  expect(await as(reader, 'GET', 'shop')).toMatch(/200 OK/);
  expect((await niwad.client.service('shop')).state).toBe('cold');
  expect(await as(ann, 'DELETE', 'shop')).toMatch(/204 No Content/);
});

it('has its place in the lists, the events, the usage, the ports, the metrics and the completion', async () => {
  await niwad.client.applyService(shop);
  await niwad.client.applyService(blog);
  await niwad.start({ id: 'published', process: { args: ['sleep', '1000'] }, network: { ports: ['9090:90'] } });
  const id = await askOnce(WORLD);
  const { client } = niwad;
  expect((await client.list({ service: 'shop' })).map(({ id, spec }) => [id, spec.service])).toEqual([
    [id, { name: 'shop', revision: 1 }],
  ]);
  expect((await niwad.cli('ps', '-q', '--service', 'blog')).stdout).toBe('');
  expect((await niwad.cli('ports')).stdout.split('\n').slice(1)).toEqual([
    expect.stringMatching(/^0\.0\.0\.0 +8080 +tcp +service +shop +80$/),
    expect.stringMatching(/^0\.0\.0\.0 +8081 +tcp +service +blog +80$/),
    expect.stringMatching(/^:: +8081 +tcp +service +blog +80$/),
    expect.stringMatching(/^\* +9090 +tcp +container +published +90$/),
  ]);
  const port = async (...args: string[]) => await niwad.cli('port', ...args);
  expect(await port('published')).toEqual({ exitCode: 0, stdout: '90/tcp -> 0.0.0.0:9090', stderr: '' });
  expect((await port(id)).stdout).toBe('80/tcp -> 0.0.0.0:8080'); // that of its service
  expect((await port(id, '80')).stdout).toBe('0.0.0.0:8080');
  expect(await port(id, '80/udp')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nothing of 80/udp') });
  expect(await port('published', 'http')).toMatchObject({ exitCode: 2 });
  expect(JSON.parse((await port('published', '90', '--json')).stdout)).toMatchObject([{ port: 9090, target: 90 }]);
  const types: string[] = [];
  for await (const event of client.events({ after: 0, service: 'shop' })) {
    types.push(event.type);
    if (event.type !== 'gap') expect(event.service).toBe('shop');
    if (event.type === 'service-wake') break;
  }
  expect(types).toEqual(expect.arrayContaining(['service-apply', 'create', 'start', 'service-wake']));
  await client.stop(id);
  const { rows } = await client.usage({ by: 'service' });
  expect(rows.find(({ key }) => key === 'shop')?.runs).toBeGreaterThan(0);
  const metrics = await client.metrics();
  expect(metrics).toContain('niwa_service_slots{service="blog"} 2');
  expect(metrics).toMatch(/niwa_service_wake_seconds_count\{service="shop",phase="total"\} [1-9]/);
  expect((await niwad.cli('__complete', 'service', 'inspect', '')).stdout).toMatch(/^shop\t$/m);
  expect((await niwad.cli('top', '-n', '1')).stdout).toMatch(/^blog\/ +0\/2 cold/m);
  const plan = await niwad.cli('plan', fileOf(shop));
  expect([plan.exitCode, plan.stdout]).toEqual([0, expect.stringContaining('containers/shop-1')]);
});

it('keeps its image from a prune, until it is removed', async () => {
  const { client } = niwad;
  await importBytes(niwad, dockerTar([tarOf(...shell())]), 'of-service');
  await client.applyService({ ...shop, template: { ...shop.template, root: { image: 'of-service' } } });
  expect((await client.pruneImages()).removed).toEqual([]);
  await client.removeService('shop');
  await vi.waitFor(async () => expect((await client.pruneImages()).removed).toEqual(['of-service:latest']), 15_000);
});

it('uses a volume, which cannot be removed meanwhile', async () => {
  const { client } = niwad;
  const mounts = [{ type: 'volume' as const, source: 'of-shop', target: '/data' }];
  const applied = await client.applyService({ ...shop, template: { ...shop.template, mounts } });
  expect(applied.warnings.filter((warning) => /data|volume/.test(warning))).toEqual([]);
  await client.createVolume('of-shop');
  await expect(client.removeVolume('of-shop')).rejects.toThrow('in use by service shop');
  expect((await client.pruneVolumes()).removed).toEqual([]);
  await client.removeService('shop');
  await vi.waitFor(() => client.removeVolume('of-shop'), 15_000);
});
