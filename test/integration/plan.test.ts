import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { NiwaError, Planned } from '../../src/client/index.js';
import { tarOf } from '../unit/images/make-tar.js';
import { dockerTar, importBytes, shell } from './support/images.js';
import { runNiwa } from './support/niwad.js';
import { test } from './support/test.js';

const planOf = (stdout: string) => JSON.parse(stdout) as Planned & { offline: boolean };

test('a plan has the steps that a start follows, and its failed step where the error has it', async ({ niwad }) => {
  const spec = { process: { args: ['no-such-program'] } };
  const { stdout } = await niwad.cli('plan', '--json', '--', 'no-such-program');
  const { offline, steps } = planOf(stdout);
  expect(offline).toBe(false);
  const error = await niwad.start(spec).then(
    () => expect.unreachable('it started'),
    (reason: NiwaError) => reason,
  );
  const { number = 0, total, text } = error.details.step ?? {};
  expect(total).toBe(steps.length);
  expect(steps[number - 1]).toMatchObject({ operation: 'exec', text });
});

test('a plan takes nothing, and has the ids that the next container gets', async ({ niwad }) => {
  const spec = { id: 'planned', process: { args: ['true'] } };
  const before = await niwad.client.plan(spec);
  expect(await niwad.client.plan(spec)).toEqual(before);
  expect(await niwad.client.list()).toEqual([]);
  expect(niwad.groups()).toEqual([]);
  const { status } = await niwad.run(spec);
  expect(before.plan).toMatchObject({ userns: status.userns });
  expect(before.spec).toEqual(status.spec);
});

test('a plan has what an image and the accounts of a root say', async ({ niwad }) => {
  await importBytes(niwad, dockerTar([tarOf(...shell())], { Cmd: ['sh', '-c', 'id'], User: '7:8' }), 'planned');
  const { spec, steps } = await niwad.client.plan({ root: { image: 'planned' } });
  expect(spec.process).toMatchObject({ args: ['sh', '-c', 'id'], uid: 7, gid: 8 });
  expect(steps.at(-1)?.text).toBe('exec sh -c id');

  const root = join(niwad.place.files, 'accounts');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'app:x:1200:1300::/:/bin/sh\n');
  const named = await niwad.client.plan({ root: { path: root }, process: { args: ['true'], user: 'app' } });
  expect(named.spec.process).toMatchObject({ uid: 1200, gid: 1300 });
  expect(named.steps.map(({ text }) => text)).toContain('become user 1200, group 1300');
});

test('a plan is refused as a start is', async ({ niwad }) => {
  const { plan } = niwad.client;
  const wrong = { process: { args: ['true'] }, root: { image: 'no-such-image' } };
  await expect(plan.call(niwad.client, wrong)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const user = { process: { args: ['true'], user: 'no-such-user' } };
  await expect(plan.call(niwad.client, user)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
});

test('without a niwad, or for the place of another, a plan says that nobody was asked', async ({ niwad }) => {
  const nobody = ['--socket', join(niwad.place.directory, 'nobody.sock')];
  const place = ['--run-dir', '/run/another', '--cgroup', 'another'];
  const [text, json, other] = await Promise.all([
    runNiwa([...nobody, 'plan', '--', 'true']),
    runNiwa([...nobody, 'plan', '--json', '--', 'true']),
    niwad.cli('plan', '--json', ...place, '--', 'true'),
  ]);
  expect(text.stdout.split('\n').at(-1)).toMatch(/^ +offline +no niwad was asked/);
  expect(planOf(json.stdout)).toMatchObject({ offline: true, steps: expect.any(Array) });
  expect(planOf(other.stdout)).toMatchObject({
    offline: true,
    plan: { cgroup: { path: expect.stringMatching(/another\/containers\/ID$/) } },
  });
  expect((await niwad.cli('plan', '--', 'true')).stdout).not.toContain('offline');
});
