import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SHELL_IMAGE } from '../integration/support/engine.js';
import { test as base } from '../integration/support/test.js';
import { Buildah } from './support/buildah.js';

const test = base.extend('buildah', { scope: 'file' }, ({ niwad }) => Buildah.start(niwad));

test('buildah bud runs its commands in containers of niwad, each with a bill', { tags: 'vm' }, async ({
  buildah,
  niwad,
}) => {
  const before = niwad.ledger().length;
  const lines = ['ENV A=b', 'WORKDIR /data', 'RUN echo $A > made', 'USER 5:6', 'RUN id -u > /tmp/user; id -g'];
  const { exitCode, stderr } = await buildah.build('made', 'RUN ["busybox", "mkdir", "-m", "1777", "/tmp"]', ...lines);
  expect([exitCode, stderr]).toEqual([0, expect.anything()]);
  const container = await buildah.container('localhost/made');
  expect(await buildah.done('run', '--network=none', container, 'cat', '/data/made', '/tmp/user')).toBe('b\n5');
  expect(await niwad.client.list()).toEqual([]);
  const ends = niwad.ledger().slice(before);
  expect(ends.filter(({ type }) => type === 'final')).toHaveLength(4);
});

test('buildah bud fails with the status of a command, and leaves nothing', async ({ buildah, niwad }) => {
  const { exitCode, stderr } = await buildah.build('none', 'RUN exit 7');
  expect([exitCode, stderr]).toEqual([7, expect.stringContaining('exit status 7')]);
  expect(await niwad.client.list()).toEqual([]);
});

test('buildah run takes user, environment, directory, volumes and a terminal', async ({ buildah, niwad }) => {
  const volume = join(niwad.place.files, 'buildah-volume');
  mkdirSync(volume);
  writeFileSync(join(volume, 'in'), 'from the host\n');
  const container = await buildah.container(SHELL_IMAGE);
  const run = (options: string[], text: string) =>
    buildah.run('run', '--network=none', ...options, container, '--', 'sh', '-c', text);
  const options = ['--user', '5:6', '--env', 'A=b', '--workingdir', '/data', '--volume', `${volume}:/data:ro`];
  const { exitCode, stdout } = await run(options, 'id -u; id -g; echo $A; pwd; cat in; touch in 2>&1; exit 3');
  expect([exitCode, stdout.split('\n')]).toEqual([
    3,
    ['5', '6', 'b', '/data', 'from the host', 'touch: in: Read-only file system'],
  ]);
  expect((await run(['--tty'], 'busybox tty')).stdout.trim()).toBe('/dev/pts/0');
  expect(await niwad.client.list()).toEqual([]);
});
