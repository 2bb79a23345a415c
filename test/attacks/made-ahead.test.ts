import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ContainerStatus } from '../../src/protocol/container.js';
import { PATIENCE } from '../integration/support/host.js';
import { makePlace, Niwad, removePlace } from '../integration/support/niwad.js';
import { GROUP } from '../integration/support/test.js';
import { asUser } from '../integration/support/user.js';

const BOUND = 3;
const alice = { uid: 2001, gid: GROUP };
const mallory = { uid: 2002, gid: GROUP };
const place = makePlace({ group: GROUP, pools: { perUser: 2, readyPerUser: BOUND } });
let niwad: Niwad;

beforeAll(async () => {
  niwad = await Niwad.start(place);
});
afterAll(async () => {
  for (const { name } of await niwad.client.pools()) await niwad.client.removePool(name);
  for (const { id } of await niwad.client.list()) await niwad.client.remove(id, { force: true });
  await niwad.stop();
  await removePlace(place);
});

const SLEEP = { process: { args: ['sleep', '1000'] } };
const creating = (name: string, ahead: number, template: object = SLEEP) => ({
  method: 'POST',
  path: '/v1/pools',
  body: { name, ahead, template },
});
const waiting = async (pool: string) =>
  (await niwad.client.list()).filter(({ id, ready_made }) => ready_made && id.startsWith(`${pool}-`));
const one = (pool: string) =>
  vi.waitFor(async () => {
    expect((await niwad.client.pool(pool)).ready).toBe(1);
    const [first] = await waiting(pool);
    expect(first).toBeDefined();
    return first as ContainerStatus;
  }, PATIENCE);

test('nobody takes, sees or changes what is made ahead for another user', async ({ skip }) => {
  expect(await asUser(niwad, skip, alice, creating('alice', 1))).toContain('200 OK');
  const { id } = await one('alice');
  for (const [method, path] of [
    ['POST', '/v1/pools/alice/start'],
    ['GET', '/v1/pools/alice'],
    ['DELETE', '/v1/pools/alice'],
  ] as const)
    expect(await asUser(niwad, skip, mallory, { method, path })).toContain('404 Not Found');
  expect(await asUser(niwad, skip, mallory, { method: 'GET', path: '/v1/pools' })).toMatch(/\[\]$/);
  expect(await asUser(niwad, skip, mallory, creating('alice', 1))).toContain('ID_IN_USE');
  for (const [method, action, body] of [
    ['POST', '/start', undefined],
    ['POST', '/stop', { timeout: 0 }],
    ['POST', '/kill', {}],
    ['POST', '/exec', { args: ['true'], detach: true }],
    ['PUT', '/lifetime', { lifetime: '1s' }],
    ['PATCH', '', { resources: {} }],
    ['DELETE', '?force=true', undefined],
  ] as const)
    expect(
      await asUser(niwad, skip, mallory, { method, path: `/v1/containers/${id}${action}`, ...(body ? { body } : {}) }),
    ).toContain('403 Forbidden');
  const joining = { ...SLEEP, namespaces: { network: `container:${id}` } };
  const joined = await asUser(niwad, skip, mallory, { method: 'POST', path: '/v1/containers', body: joining });
  expect(joined).toMatch(/40[39]/);
  // the control: its user takes it
  const taken = await asUser(niwad, skip, alice, { method: 'POST', path: '/v1/pools/alice/start' });
  expect(taken).toContain('201 Created');
  expect(taken).toContain(`"id":"${id}"`);
});

test('a container whose root leads elsewhere by now is not used', async () => {
  const at = (name: string) => join(place.files, name);
  for (const name of ['first', 'second']) {
    mkdirSync(at(name));
    writeFileSync(join(at(name), 'which'), name);
  }
  symlinkSync(at('first'), at('root'));
  const template = {
    process: { args: ['cat', '/data/which'] },
    mounts: [{ type: 'bind', source: at('root'), target: '/data' }],
  };
  await niwad.client.createPool({ name: 'links', ahead: 1, template: template as typeof SLEEP });
  const read = async () => (await niwad.output((await niwad.client.startFromPool('links', { wait: true })).id)).stdout;
  const { id } = await one('links');
  const control = await niwad.client.create(template as typeof SLEEP);
  unlinkSync(at('root'));
  symlinkSync(at('second'), at('root'));
  expect(await read()).toBe('second');
  expect((await niwad.client.pool('links')).thrown_away).toBe(1);
  expect(niwad.ledger(id)).toMatchObject([{ reason: 'stopped', started_at: null }, { reason: 'exited' }]);
  // the control: one that was created by hand has what was there at its creation
  await niwad.client.start(control.id);
  expect((await niwad.output(control.id)).stdout).toBe('first');
  await niwad.client.removePool('links');
  for (const name of ['first', 'second', 'root']) rmSync(at(name), { recursive: true });
});

test('a user cannot fill the node with what is made ahead', async ({ skip }) => {
  const { uid } = mallory;
  expect(await asUser(niwad, skip, mallory, creating('m1', BOUND + 1))).toContain(`user ${uid} may have ${BOUND}`);
  expect(await asUser(niwad, skip, mallory, creating('m1', 2))).toContain('200 OK');
  expect(await asUser(niwad, skip, mallory, creating('m2', 2))).toContain(`user ${uid} may have ${BOUND}`);
  expect(await asUser(niwad, skip, mallory, creating('m2', 1))).toContain('200 OK');
  expect(await asUser(niwad, skip, mallory, creating('m3', 1))).toContain('may not have more');
  expect(await asUser(niwad, skip, mallory, creating('m1', BOUND))).toContain(`user ${uid} may have ${BOUND}`);
  // the control: root has no such bound
  await niwad.client.createPool({ name: 'root', ahead: BOUND + 1, template: SLEEP });
  await vi.waitFor(async () => expect(await waiting('root')).toHaveLength(BOUND + 1), PATIENCE);
  await vi.waitFor(
    async () => expect([...(await waiting('m1')), ...(await waiting('m2'))]).toHaveLength(BOUND),
    PATIENCE,
  );
});
