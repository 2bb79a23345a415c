import { execa } from 'execa';
import { expect } from 'vitest';
import { collect } from '../../src/client/streams.js';
import { Oci } from './support/oci.js';
import { test as base, GROUP } from './support/test.js';
import { asUser } from './support/user.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

test('niwa takes what an engine calls a container', async ({ oci, niwad }) => {
  const id = `web+${oci.id()}`;
  const bundle = await oci.bundle('exec sleep 1000');
  await oci.make('create', '--bundle', bundle, id);
  const { id: own } = await niwad.client.inspect(id);
  expect(own).not.toBe(id);
  expect(await collect(niwad.client.containers({}, ['id', 'oci']))).toEqual([
    { id: own, oci: { id, root: '/run/niwa-oci', bundle } },
  ]);
  await expect(niwad.client.inspect('nobody')).rejects.toThrow('there is no container nobody');

  await oci.make('--root', '/other', 'create', '--bundle', bundle, id);
  await expect(niwad.client.inspect(id)).rejects.toThrow(`several engines call a container ${id}; name one of these: `);
  await niwad.client.remove(own, { force: true });
  await niwad.client.remove(id, { force: true });
  expect(await niwad.client.list()).toEqual([]);
});

test('a member of the group of niwad sees a container of an engine, and does nothing to it', async ({
  oci,
  niwad,
  skip,
}) => {
  const id = oci.id();
  await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 1000'), id);
  const [member, path] = [{ uid: 1234, gid: GROUP }, `/v1/containers/${id}`];
  expect(await asUser(niwad, skip, member, { path })).toMatch(/^HTTP\/1.1 200 OK/);
  for (const asked of [
    { method: 'POST', path: `${path}/kill`, body: { signal: 'SIGKILL' } },
    { method: 'POST', path: `${path}/stop`, body: {} },
    { method: 'DELETE', path: `${path}?force=true` },
  ])
    expect(await asUser(niwad, skip, member, asked)).toMatch(/^HTTP\/1.1 403 Forbidden[\s\S]*only root may act on it/);
  expect(await oci.state(id)).toMatchObject({ status: 'running' });
  await oci.done('delete', '--force', id);
});

test('niwa says who has the output of a container of an engine', async ({ oci, niwad }) => {
  const id = oci.id();
  await oci.make('create', '--bundle', await oci.bundle('exec sleep 1000'), id);
  const bin = new URL('../../bin/niwa', import.meta.url).pathname;
  const env = { NIWA_SOCKET: `${niwad.place.runDir}/niwad.sock` };
  for (const verb of ['logs', 'attach']) {
    const { exitCode, stderr } = await execa(bin, [verb, id], { env, reject: false, timeout: 10_000 });
    expect([exitCode !== 0, stderr]).toEqual([
      true,
      expect.stringContaining(`ask it, such as by \`podman ${verb} ${id}`),
    ]);
  }
  await oci.done('delete', '--force', id);
});

test('whoever is told a state during the create may start the container', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000');
  const made = oci.make('create', '--bundle', bundle, id);
  let told = await oci.run('state', id);
  while (told.exitCode !== 0) told = await oci.run('state', id);
  expect(JSON.parse(told.stdout)).toMatchObject({ id, status: 'created' });
  await oci.done('start', id);
  expect(await made).toEqual({ exitCode: 0, message: '' });
  await oci.done('delete', '--force', id);
});
