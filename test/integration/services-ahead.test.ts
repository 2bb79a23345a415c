import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { ContainerStatus } from '../../src/protocol/container.js';
import type { ServiceInput } from '../../src/protocol/service.js';
import { PATIENCE } from './support/host.js';
import { makeNetwork, nodePlace, startOnNode, WORLD } from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { askOnce, SERVER, serviceOf } from './support/services.js';

const place = nodePlace();
let niwad: Niwad;
makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(place);
});
afterEach(async () => {
  for (const { name } of await niwad.client.services()) await niwad.client.removeService(name);
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
});

const apply = (fields: Partial<ServiceInput> = {}) =>
  niwad.client.applyService(serviceOf({ drain: '1s', ahead: 1, ...fields }));
const shop = () => niwad.client.service('shop');

/** Waits until one is ready that is not among `others`. */
const one = (...others: string[]) =>
  vi.waitFor(async () => {
    expect((await shop()).ahead.ready).toBe(1);
    const ready = (await niwad.client.list()).filter(({ ready_made }) => ready_made);
    expect(ready.map(({ id }) => others.includes(id))).toEqual([false]);
    return ready[0] as ContainerStatus;
  }, PATIENCE);

test('a request takes the container that was made ahead, and another one is made', async () => {
  await apply();
  const ready = await one();
  expect(ready).toMatchObject({ state: 'created', spec: { service: { name: 'shop' } } });
  expect(ready.network?.address).toMatch(/^\d/); // it has its address already
  expect(await shop()).toMatchObject({ state: 'cold', instances: [], ahead: { wanted: 1, ready: 1 } });
  expect(await askOnce(WORLD)).toBe(ready.id);
  expect(await niwad.client.inspect(ready.id)).toMatchObject({ pid: ready.pid, ready_made: false, state: 'running' });
  await one(ready.id);
  expect(await shop()).toMatchObject({ slots: 1, instances: [{ id: ready.id }], ahead: { taken: 1, missed: 0 } });
});

test('scaling takes one, too, and one whose template has changed is not used', async () => {
  await apply({ slots: 3 });
  const first = await one();
  await niwad.client.scaleService('shop', 2);
  await vi.waitFor(
    async () => expect((await shop()).instances.map(({ phase }) => phase)).toEqual(['routed', 'routed']),
    PATIENCE,
  );
  expect((await shop()).instances.map(({ id }) => id)).toContain(first.id);
  const old = await one(first.id);
  await niwad.client.scaleService('shop', null);
  const template = { process: { args: ['python3', '-c', SERVER], env: { NEW: 'yes' } } };
  await apply({ slots: 3, template });
  const renewed = await one(old.id);
  expect(renewed.spec.process.env).toMatchObject({ NEW: 'yes' });
  expect(renewed.spec.service).toEqual({ name: 'shop', revision: 2 });
});

test('a crash of niwad leaves the instances, and makes anew what was ready', async () => {
  await apply();
  const first = await one();
  expect(await askOnce(WORLD)).toBe(first.id);
  const second = await one(first.id);
  await niwad.stop('SIGKILL');
  niwad = await startOnNode(place);
  expect(await askOnce(WORLD)).toBe(first.id);
  await one(first.id, second.id);
  expect((await shop()).instances.map(({ id }) => id)).toEqual([first.id]);
});

test('a drain and a removal end what is ready', async () => {
  await apply();
  const { id } = await one();
  await niwad.client.drain();
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  await niwad.client.undrain();
  await one(id);
  await niwad.client.removeService('shop');
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  expect(niwad.ledger().filter(({ reason, started_at }) => reason === 'stopped' && started_at === null)).not.toEqual(
    [],
  );
});

test('what waits has its filter already, where its profile lets it wait', async () => {
  const filterOf = async (seccomp: NonNullable<ServiceInput['template']['seccomp']>) => {
    await niwad.client.createPool({ name: 'filter', ahead: 1, template: { process: { args: ['true'] }, seccomp } });
    const { pid, spec } = await vi.waitFor(async () => {
      const { ready, template } = await niwad.client.pool('filter');
      expect([ready, template.seccomp]).toEqual([1, seccomp]);
      return (await niwad.client.list())[0] as ContainerStatus;
    }, PATIENCE);
    expect(spec.seccomp).toEqual(seccomp);
    const [, mode] = /^Seccomp:\t(\d)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    const { exit, id } = await niwad.client.startFromPool('filter', { wait: true });
    await niwad.client.removePool('filter');
    await niwad.client.remove(id);
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
    return { mode, code: exit?.code };
  };
  expect(await filterOf('default')).toEqual({ mode: '2', code: 0 });
  const silent = [{ names: ['sendto'], action: 'SCMP_ACT_ERRNO' as const }];
  expect(await filterOf({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: silent })).toEqual({ mode: '0', code: 0 });
});
