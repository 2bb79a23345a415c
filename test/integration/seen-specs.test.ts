import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { makePlace, Niwad, removePlace } from './support/niwad.js';
import { GROUP } from './support/test.js';
import { asUser } from './support/user.js';

/** What is kept of a spec for its next start gives nobody more than the first start gave. */

const SHARED = join(process.env.NIWA_VM_DISK ?? '/var/tmp', `niwa-seen-${process.pid}`);
const alice = { uid: 1234, gid: GROUP };
const place = makePlace({ group: GROUP, allow: { sources: [SHARED] } });
const link = join(SHARED, 'link');
const mounting = (source: string): SpecInput => ({
  process: { args: ['sh', '-c', 'cat /mnt/name'] },
  mounts: [{ type: 'bind', source, target: '/mnt', readonly: true }],
});
const asked = (body: object) => ({ method: 'POST', path: '/v1/containers?wait=true', body });
let niwad: Niwad;

beforeAll(async () => {
  niwad = await Niwad.start(place);
});

afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

beforeEach(({ onTestFinished }) => {
  for (const name of ['a', 'b']) {
    mkdirSync(join(SHARED, name), { recursive: true });
    writeFileSync(join(SHARED, name, 'name'), name);
  }
  onTestFinished(() => rmSync(SHARED, { recursive: true, force: true }));
});

function lead(to: string): void {
  rmSync(link, { force: true });
  symlinkSync(to, link);
}

test('a link is followed at each start', async () => {
  const said: string[] = [];
  for (const to of ['a', 'a', 'b', 'a']) {
    lead(join(SHARED, to));
    said.push((await niwad.run(mounting(link))).stdout);
  }
  expect(said).toEqual(['a', 'a', 'b', 'a']);
});

test('a link that leads elsewhere now is refused, after it was allowed', async ({ skip }) => {
  for (const [to, answer] of [
    [join(SHARED, 'a'), '201 Created'],
    [join(SHARED, 'a'), '201 Created'],
    ['/etc', '403 Forbidden'],
    [join(SHARED, 'a'), '201 Created'],
  ] as const) {
    lead(to);
    expect(await asUser(niwad, skip, alice, asked(mounting(link)))).toContain(`HTTP/1.1 ${answer}`);
  }
});

test('a caller is refused what root has just had with the same words', async ({ skip }) => {
  const spec = mounting('/etc');
  for (let time = 0; time < 2; time++) {
    await niwad.run(spec);
    expect(await asUser(niwad, skip, alice, asked(spec))).toContain('HTTP/1.1 403 Forbidden');
  }
});

test('the files of each caller have ids of that caller on disk', async ({ skip }) => {
  const spec: SpecInput = {
    ...mounting(join(SHARED, 'a')),
    mounts: [{ type: 'bind', source: join(SHARED, 'a'), target: '/mnt' }],
  };
  const idsOf = async (answer: Promise<string>) => {
    const { spec: shown } = JSON.parse(((await answer).split('\r\n\r\n')[1] ?? '').replace(/^[^{]*|[^}]*$/g, ''));
    return shown.diskIds?.uids;
  };
  for (let time = 0; time < 2; time++) {
    expect(await idsOf(asUser(niwad, skip, { uid: 0, gid: 0 }, asked(spec)))).toBeUndefined();
    for (const uid of [1234, 1235])
      expect(await idsOf(asUser(niwad, skip, { ...alice, uid }, asked(spec)))).toEqual([
        { container: 0, host: uid, size: 1 },
      ]);
  }
});

test('who has left the group starts nothing more', async ({ skip }) => {
  const spec = mounting(join(SHARED, 'a'));
  expect(await asUser(niwad, skip, alice, asked(spec))).toContain('HTTP/1.1 201 Created');
  expect(await asUser(niwad, skip, { ...alice, gid: alice.uid }, asked(spec))).not.toContain('201 Created');
});

test('a container that is changed changes no other one of the same spec', async () => {
  const spec: SpecInput = { process: { args: ['sleep', '1000'] }, lifetime: '1h', labels: { a: 'b' } };
  const [one, other] = [await niwad.start(spec), await niwad.start(spec)];
  await niwad.client.setLifetime(one.id, { lifetime: '2h' });
  const next = await niwad.start(spec);
  const lifetimes = await Promise.all(
    [other.id, next.id].map(async (id) => (await niwad.client.inspect(id)).spec.lifetimeUsec),
  );
  expect(lifetimes).toEqual([3_600_000_000, 3_600_000_000]);
  await Promise.all([one, other, next].map(({ id }) => niwad.client.remove(id, { force: true })));
});

test('each container has its own id, host name and files', async () => {
  const args = ['sh', '-c', 'hostname; grep -c "$(hostname)" /etc/hosts'];
  const root = { path: '/', overlay: true } as const;
  const said: string[] = [];
  for (const id of ['seen-1', 'seen_2', 'a-much-longer-id-than-the-others'])
    said.push((await niwad.run({ id, process: { args }, root })).stdout.split('\n')[0] ?? '');
  expect(said).toEqual(['seen-1', 'seen-2', 'a-much-longer-id-than-the-others']);
});
