import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { host, PATIENCE, SLOWNESS } from './support/host.js';
import { makePlace, Niwad, removePlace } from './support/niwad.js';
import { GROUP } from './support/test.js';
import { asUser } from './support/user.js';

const READ_GROUP = 4343;
const SHARED = join(process.env.NIWA_VM_DISK ?? '/var/tmp', `niwa-shared-${process.pid}`);
const member = { uid: 1234, gid: GROUP };
const reader = { uid: 1235, gid: READ_GROUP };
const run = (spec: object) => ({
  method: 'POST',
  path: '/v1/containers?wait=true',
  body: { process: { args: ['true'] }, ...spec },
});

const place = makePlace({
  group: GROUP,
  readGroup: READ_GROUP,
  allow: { sources: [SHARED] },
  requestsPerSecond: 20,
});
let niwad: Niwad;

beforeAll(async () => {
  niwad = await Niwad.start(place);
});

afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

test('a member of the reading group looks, and does nothing', async ({ skip }) => {
  expect(await asUser(niwad, skip, reader)).toMatch(/^HTTP\/1.1 200 OK/);
  const refused = await asUser(niwad, skip, reader, run({}));
  expect(refused).toMatch(/^HTTP\/1.1 403 Forbidden/);
  expect(refused).toContain('may only look (GET)');
  expect(await niwad.client.list()).toEqual([]);
});

test('a member of the group starts containers that are protected, and no others', async ({ skip }) => {
  expect(await asUser(niwad, skip, member, run({ id: 'fine' }))).toMatch(/^HTTP\/1.1 201 Created/);
  const unprotected = {
    userns: 'host',
    seccomp: 'unconfined',
    namespaces: { network: 'host' },
    devices: ['/dev/null'],
    rlimits: { rtprio: 5 },
    oomScoreAdj: -5,
  };
  const refused = await asUser(niwad, skip, member, run({ id: 'bare', ...unprotected }));
  expect(refused).toMatch(/^HTTP\/1.1 403 Forbidden/);
  for (const field of ['userns', 'seccomp', 'namespaces.network', 'devices[0]', 'rlimits.rtprio', 'oomScoreAdj'])
    expect(refused).toContain(`"path":"${field}"`);
  expect((await niwad.client.list()).map(({ id }) => id)).toEqual(['fine']);
  await niwad.client.remove('fine');
});

test('the daemon mounts for a member what the operator allowed, and nothing that a link leads to', async ({
  skip,
  onTestFinished,
}) => {
  mkdirSync(join(SHARED, 'data'), { recursive: true });
  onTestFinished(() => rmSync(SHARED, { recursive: true, force: true }));
  symlinkSync('/etc', join(SHARED, 'link'));
  const mounting = (source: string) => run({ id: 'mounts', mounts: [{ type: 'bind', source, target: '/mnt' }] });
  for (const source of ['/etc', join(SHARED, 'link'), `${SHARED}-other`, join(SHARED, '../..')])
    expect(await asUser(niwad, skip, member, mounting(source))).toMatch(/^HTTP\/1.1 403 Forbidden/);
  const refusedRoot = await asUser(niwad, skip, member, run({ root: { path: join(SHARED, 'data') } }));
  expect(refusedRoot).toContain('root.path');
  expect(await asUser(niwad, skip, member, mounting(join(SHARED, 'data')))).toMatch(/^HTTP\/1.1 201 Created/);
  await niwad.client.remove('mounts');
});

test('the node is drained by root, and by others where the operator says so', async ({ skip }) => {
  const drain = { method: 'POST', path: '/v1/drain' };
  for (const method of ['POST', 'DELETE']) {
    const refused = await asUser(niwad, skip, member, { ...drain, method });
    expect(refused).toMatch(/^HTTP\/1.1 403 Forbidden/);
    expect(refused).toContain('"code":"FORBIDDEN"');
  }
  expect(await asUser(niwad, skip, member, { path: '/v1/drain' })).toContain('"draining":false');
  expect(await niwad.client.drain()).toMatchObject({ draining: true });
  expect(await niwad.client.undrain()).toMatchObject({ draining: false });
});

test('names that objects have are names as any other', async () => {
  const env = JSON.parse('{"__proto__": "y", "constructor": "z"}');
  const { id } = await niwad.client.create({ process: { args: ['true'], env } });
  expect(JSON.stringify((await niwad.client.inspect(id)).spec.process.env)).toContain('"__proto__":"y"');
  await niwad.client.remove(id, { force: true });
  const wrong = JSON.parse('{"process": {"args": ["true"], "env": {"__proto__": 5}}}');
  await expect(niwad.client.create(wrong)).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: expect.stringContaining('process.env.__proto__'),
  });
  const smuggled = JSON.parse('{"process": {"args": ["true"]}, "__proto__": {"init": true}}');
  await expect(niwad.client.create(smuggled)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
});

test('one caller cannot keep the daemon from the others', async ({ skip }) => {
  if (host.slow) skip('needs a machine that is fast enough to ask 21 times in a second');
  const answers = await asUser(niwad, skip, { ...member, uid: 1299 }, { path: '/v1/health', times: 40 });
  expect(answers).toContain('HTTP/1.1 200 OK');
  expect(answers).toContain('HTTP/1.1 429 Too Many Requests');
  expect(answers).toContain('"code":"TOO_MANY_REQUESTS"');
  expect(await niwad.client.health()).toEqual({ status: 'ok' });
});

test('a client that sends slowly is cut off', { timeout: 60_000 * SLOWNESS }, async ({ skip }) => {
  const answer = await asUser(niwad, skip, { uid: 0, gid: 0 }, { head: 'GET /v1/health HTTP/1.1\r\nHost: ni' });
  expect(answer).toMatch(/^(HTTP\/1.1 408 Request Timeout|$)/);
});

test('what a running container really has is read back from the kernel', async () => {
  const { client } = niwad;
  await niwad.start({ id: 'shown', process: { args: ['sleep', '1000'] }, rlimits: { nofile: 77 } });
  const { effective } = await client.inspect('shown');
  expect(effective?.uid_map).toMatch(/^0 [0-9]+ 65536$/);
  expect(effective?.status).toMatchObject({ CapEff: '00000000000404fb', NoNewPrivs: '1', Seccomp: '2' });
  expect(effective?.limits['Max open files']?.split(/ +/)).toEqual(['77', '77']);
  expect(effective?.cgroup['cgroup.freeze']).toBe('0');
  expect(Object.keys(effective?.namespaces ?? {}).sort()).toEqual([
    'cgroup',
    'ipc',
    'mnt',
    'net',
    'pid',
    'user',
    'uts',
  ]);
  await client.remove('shown', { force: true });
});

test('what niwa does shows at once where it is inspected; what others do, and the use, within 20 ms', async () => {
  const { client } = niwad;
  const { cgroup } = await niwad.start({ id: 'moves', process: { args: ['sh', '-c', 'while :; do :; done'] } });
  const seen = async () => {
    const { state, effective } = await client.inspect('moves');
    return [state, effective?.cgroup['cgroup.freeze']];
  };
  for (let round = 0; round < 5; round++) {
    expect(await seen()).toEqual(['running', '0']);
    await client.pause('moves');
    expect(await seen()).toEqual(['paused', '1']);
    await client.resume('moves');
  }
  const used = async () => (await client.stats('moves')).usage.cpu.usage_usec ?? 0;
  const before = await used();
  await vi.waitFor(async () => expect(await used()).toBeGreaterThan(before + 50_000), { ...PATIENCE, interval: 1 });
  await seen();
  writeFileSync(join(cgroup, 'cgroup.freeze'), '1');
  await sleep(20);
  expect(await seen()).toEqual(['running', '1']);
  await client.remove('moves', { force: true });
});

test('what a container really has is whole where the kernel has much to tell', async () => {
  const { client } = niwad;
  const groups = Array.from({ length: 3000 }, (_, i) => 10_000 + i); // they stand before the capabilities
  const uids = Array.from({ length: 300 }, (_, i) => ({ container: i, host: 100_000 + 2 * i, size: 1 }));
  const { pid } = await niwad.start({
    id: 'long',
    process: { args: ['setpriv', '--groups', groups.join(','), '--', 'sleep', '1000'] },
    userns: { uids, gids: [{ container: 0, host: 100_000, size: 65_536 }] },
  });
  await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('sleep\n'), PATIENCE);
  const { effective } = await client.inspect('long');
  expect(effective?.status).toMatchObject({ CapEff: '00000000000404fb', NoNewPrivs: '1', Seccomp: '2' });
  expect(effective?.uid_map.split('\n')).toHaveLength(300);
  await client.remove('long', { force: true });
});
