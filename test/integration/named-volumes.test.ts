import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UPGRADE } from '../../src/protocol/frames.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { type Niwad, type Place, runNiwa } from './support/niwad.js';
import { asUser, type User } from './support/user.js';

/** Named volumes: who may use them, what stays, and what is refused. */

cleanUpDaemons();

const GROUP = 4345;
const ann: User = { uid: 1234, gid: 1234, groups: [GROUP] };
const bob: User = { uid: 1235, gid: 1235, groups: [GROUP] };
let place: Place;
let niwad: Niwad;

/** A daemon whose state directory is on a file system that can be id-mapped. */
async function begin(settings: object = { group: GROUP, allow: { volumes: true } }): Promise<void> {
  const made = newPlace(settings);
  place = Object.assign(made, { stateDir: join(made.files, 'state') });
  niwad = await startDaemon(place);
}
beforeEach(() => begin());
afterEach(async () => {
  for (const { id } of await niwad.client.list()) await niwad.client.remove(id, { force: true });
});

const dataOf = (name: string) => join(place.stateDir, 'volumes/all', name, 'data');
const shell = (line: string) => ({ args: ['sh', '-c', line] });
const volume = (name: string, target = '/data') => ({ type: 'volume' as const, source: name, target });

test('keep what containers write, for any user of a container, and over a restart of niwad', async () => {
  const run = (...args: string[]) => niwad.cli('run', '--rm', ...args);
  const first = await run('-v', 'db:/data', '--user', '999:998', '--', 'sh', '-c', 'echo kept > /data/file; id -u');
  expect(first).toMatchObject({ exitCode: 0, stdout: '999' });
  expect(statSync(join(dataOf('db'), 'file'))).toMatchObject({ uid: 999, gid: 998 });
  await niwad.stop();
  niwad = await startDaemon(place);
  const mount = 'type=volume,source=db,target=/mnt,readonly';
  const second = await run('--mount', mount, '--', 'sh', '-c', 'cat /mnt/file; stat -c %u /mnt/file; touch /mnt/no');
  expect(second.stdout).toBe('kept\n999');
  expect(second.stderr).toMatch(/Read-only/);
  const root = await niwad.run({ userns: 'host', mounts: [volume('db')], process: shell('stat -c %u:%g /data/file') });
  expect(root.stdout).toBe('999:998\n');
  const inspected = JSON.parse((await niwad.cli('volume', 'inspect', 'db', '--json')).stdout);
  expect(inspected).toMatchObject({ name: 'db', uid: 0, bytes: expect.any(Number) });
  expect(inspected.bytes).toBeGreaterThan(0);
});

test('programs in a volume get no rights by setuid, and no user of the host can enter the directory', async () => {
  const copy = 'cp /usr/bin/id /data/id; chmod 4755 /data/id; stat -c %a:%u /data/id';
  const made = await niwad.run({ mounts: [volume('bin')], process: shell(copy) });
  expect(made.stdout).toBe('4755:0\n');
  const used = await niwad.run({ mounts: [volume('bin')], process: { args: ['/data/id', '-u'], user: 77 } });
  expect(used.stdout).toBe('77\n');
  expect(statSync(join(place.stateDir, 'volumes')).mode & 0o777).toBe(0o700);
});

test('cannot be removed while a container names them, also one that has ended', async () => {
  const { id } = await niwad.start({ mounts: [volume('used')], process: { args: ['sleep', '1000'] } });
  const rm = () => niwad.cli('volume', 'rm', 'used');
  const inUse = { exitCode: 1, stderr: expect.stringContaining(`volume used is in use by ${id}`) };
  expect(await rm()).toMatchObject(inUse);
  expect((await niwad.cli('volume', 'ls')).stdout).toMatch(new RegExp(`^used +0 +- +.* ago +${id}$`, 'm'));
  await niwad.client.kill(id);
  await niwad.client.wait(id);
  expect(await rm()).toMatchObject(inUse);
  await niwad.client.createVolume('unused');
  expect((await niwad.cli('volume', 'prune', '-f')).stdout).toBe('unused');
  await niwad.client.remove(id);
  expect(await rm()).toEqual({ exitCode: 0, stdout: 'used', stderr: '' });
  expect(await niwad.client.volumes()).toEqual([]);
  await vi.waitFor(() => expect(readdirSync(join(place.stateDir, 'volumes/removed'))).toEqual([]));
  expect(await rm()).toMatchObject({ exitCode: 1, stderr: 'niwa: there is no volume used' });
});

test('a start that is refused makes none', async () => {
  await expect(
    niwad.client.create({ mounts: [volume('none')], process: { args: ['true'] }, userns: { uids: [], gids: [] } }),
  ).rejects.toThrow();
  for (const name of ['../x', 'a/b', '.hidden', 'x'.repeat(65), ''])
    await expect(niwad.client.create({ mounts: [volume(name)], process: { args: ['true'] } })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
    });
  expect((await niwad.cli('volume', 'create', '../x')).exitCode).toBe(2);
  expect(readdirSync(join(place.stateDir, 'volumes/all'))).toEqual([]);
});

test('belong to the user who made them, and to root', async ({ skip }) => {
  const as = (user: User, method: string, path: string, body?: object) =>
    asUser(niwad, skip, user, { method, path, ...(body === undefined ? {} : { body }) });
  const create = (user: User, name: string) =>
    as(user, 'POST', '/v1/containers?start=true', {
      id: `of-${user.uid}`,
      mounts: [volume(name)],
      process: shell('echo secret > /data/file && chown 5:6 /data/file && sleep 1000'),
    });
  expect(await create(ann, 'hers')).toMatch(/ 20[01] /);
  await vi.waitFor(() => expect(statSync(join(dataOf('hers'), 'file'))).toMatchObject({ uid: 5, gid: 6 }));
  expect((await niwad.client.volume('hers')).uid).toBe(1234);
  const refused = await create(bob, 'hers');
  expect(refused).toMatch(/403 Forbidden.*hers\\" of user 1234/s);
  expect(refused).not.toContain(place.stateDir); // it does not tell where volumes are
  expect(await as(bob, 'POST', '/v1/volumes', { name: 'hers' })).toMatch(/403 Forbidden.*belongs to user 1234/s);
  expect(await as(bob, 'DELETE', '/v1/volumes/hers')).toMatch(/403 Forbidden/);
  expect(await as(bob, 'POST', '/v1/volumes/prune')).toMatch(/"removed":\[\]/);
  // nor by an exec in her container
  const exec = '{"args": ["cat", "/data/file"]}';
  const fields = `Host: n\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE}\r\nContent-Type: application/json`;
  const head = `POST /v1/containers/of-1234/exec HTTP/1.1\r\n${fields}\r\nContent-Length: ${exec.length}\r\n\r\n${exec}`;
  expect(await asUser(niwad, skip, bob, { head })).toMatch(/403 Forbidden.*hers/s);
  await niwad.client.createVolume('of-root');
  expect(await create(bob, 'of-root')).toMatch(/403 Forbidden.*of user 0/s);
  const { stdout } = await niwad.run({ mounts: [volume('hers')], process: shell('cat /data/file') });
  expect(stdout).toBe('secret\n');
});

test('are for root alone, unless niwad is told otherwise', async ({ skip }) => {
  await niwad.stop();
  await begin({ group: GROUP });
  const body = { mounts: [volume('no')], process: { args: ['true'] } };
  expect(await asUser(niwad, skip, ann, { method: 'POST', path: '/v1/containers', body })).toMatch(
    /403 Forbidden.*allow\.volumes/s,
  );
  expect(await asUser(niwad, skip, ann, { method: 'POST', path: '/v1/volumes', body: { name: 'no' } })).toMatch(
    /403 Forbidden.*allow: \{volumes: true\}/s,
  );
  expect(existsSync(dataOf('no'))).toBe(false);
});

test('that do not say whose they are keep niwad from starting, instead of being given to anybody', async () => {
  await niwad.client.createVolume('damaged');
  await niwad.stop();
  writeFileSync(join(place.stateDir, 'volumes/all/damaged/volume.json'), '{"version": 1}');
  await expect(startDaemon(place)).rejects.toThrow();
  writeFileSync(
    join(place.stateDir, 'volumes/all/damaged/volume.json'),
    JSON.stringify({ version: 1, uid: 7, createdAt: '2026-01-01T00:00:00.000Z', isUsed: false }),
  );
  niwad = await startDaemon(place);
  expect((await niwad.client.volume('damaged')).uid).toBe(7);
});

test('are found by the shell, and have their place in a plan without niwad', async () => {
  await niwad.client.createVolume('found');
  expect((await niwad.cli('__complete', 'volume', 'rm', '')).stdout).toMatch(/^found\b/m);
  const plan = await runNiwa(['--socket', '/nobody', 'plan', '-v', 'data:/data', '--', 'true']);
  expect(plan.stdout).toContain('/volumes/all/data/data');
});
