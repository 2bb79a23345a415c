import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { NiwaError } from '../../src/protocol/errors.js';
import type { SpecInput } from '../../src/protocol/spec.js';
import { needsFile, PATIENCE, SLOWNESS } from './support/host.js';
import { type HungMount, hungMount } from './support/hung-mount.js';
import { flagsOf, isAlive, makePlace, Niwad, removePlace } from './support/niwad.js';
import { GROUP } from './support/test.js';
import { asUser } from './support/user.js';

/** Paths on a file system that never answers. Only niwad and what it starts are in the namespace that has it. */

const place = makePlace({ group: GROUP });
const at = (name: string) => join(place.files, name);
mkdirSync(at('fine'));
writeFileSync(place.config, JSON.stringify({ group: GROUP, allow: { sources: [place.files] } }));
const member = { uid: 1236, gid: GROUP };
const LONG = { timeout: 60_000 * SLOWNESS };
const FUSE = '/dev/fuse';
beforeEach(({ skip }) => void needsFile(skip, FUSE, 'the kernel has no FUSE'));
/** The patience of src/host/reach.ts, and some. */
const BOUND_MS = 7000 * SLOWNESS;

let mount: HungMount | undefined;
let niwad: Niwad;
const startHere = () => Niwad.start(place, {}, flagsOf(place), mount?.launcher);
const hung = (name: string) => join(mount?.directory ?? '', name);
const bind = (source: string): Partial<SpecInput> => ({ mounts: [{ type: 'bind', source, target: '/mnt' }] });
const run = (spec: Partial<SpecInput>) => niwad.start({ process: { args: ['true'] }, ...spec });
const refusalOf = (started: Promise<unknown>) =>
  started.then(
    () => 'it started',
    (error: NiwaError) => error,
  );

beforeAll(async () => {
  if (existsSync(FUSE)) mount = await hungMount(place);
  niwad = await startHere();
});

afterAll(async () => {
  await mount?.end(); // before anybody who may wait for it is waited for
  await niwad.stop();
  await removePlace(place);
});

test('a path that does not answer fails its own request in time, and nobody else notices', LONG, async () => {
  symlinkSync(hung('linked'), at('link'));
  const hook = { beforeCreate: [{ args: [hung('hook')] }] };
  const asked: Record<string, Partial<SpecInput>> = {
    source: bind(hung('source')),
    'link to a source': bind(at('link')),
    'root.path': { root: { path: hung('root') } },
    'root.file': { root: { file: hung('image') } },
    overlay: { root: { path: at('fine'), overlay: { directory: hung('kept') } } },
    hook: { hooks: hook },
    namespace: { namespaces: { uts: hung('ns') } },
  };
  const begun = performance.now();
  const over = Promise.all(Object.values(asked).map((spec) => refusalOf(run(spec))));
  let worst = 0;
  for (let i = 0; i < 20; i++) {
    const before = performance.now();
    await niwad.client.list();
    await sleep(50);
    worst = Math.max(worst, performance.now() - before - 50);
  }
  await run({ id: 'meanwhile', ...bind(at('fine')) });
  expect(await niwad.client.wait('meanwhile')).toMatchObject({ code: 0 });
  const meanwhile = performance.now() - begun;
  const refusals = await over;
  console.log(`list took ${worst.toFixed(1)} ms at most, all ${(performance.now() - begun).toFixed(0)} ms`);
  expect(worst).toBeLessThan(500 * SLOWNESS);
  expect(meanwhile).toBeLessThan(4000 * SLOWNESS);
  expect(Object.keys(asked).map((name, i) => [name, (refusals[i] as NiwaError).code])).toEqual(
    Object.keys(asked).map((name) => [name, 'PATH_TIMEOUT']),
  );
  expect((refusals[0] as NiwaError).message).toContain(`${hung('source')} has not answered for 5 s`);
  expect(performance.now() - begun).toBeLessThan(2 * BOUND_MS);
  expect((await niwad.client.list()).map(({ id }) => id)).toEqual(['meanwhile']);
});

test('its mount point, which the kernel knows without asking, is looked at without waiting', LONG, async () => {
  const source = mount?.directory ?? '';
  for (const userns of ['auto', 'auto', 'host'] as const) {
    const before = performance.now();
    const { mounts } = (await niwad.client.plan({ process: { args: ['true'] }, userns, ...bind(source) })).spec;
    expect(mounts).toMatchObject([{ source }]);
    expect(performance.now() - before).toBeLessThan(2000 * SLOWNESS);
  }
});

test('niwad can be ended meanwhile, and started again', LONG, async () => {
  const asking = refusalOf(run(bind(hung('again'))));
  await sleep(200);
  const { pid } = niwad;
  await niwad.stop('SIGKILL');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 2000 * SLOWNESS);
  await asking;
  niwad = await startHere();
  await run({ id: 'after', ...bind(at('fine')) });
  expect(await niwad.client.wait('after')).toMatchObject({ code: 0 });
});

test(
  'a path that hangs is not tried again until its file system answers, and a caller may have only few of them',
  LONG,
  async ({ skip }) => {
    const ask = (source: string) =>
      asUser(niwad, skip, member, {
        method: 'POST',
        path: '/v1/containers',
        body: { process: { args: ['true'] }, ...bind(source) },
      });
    const first = ['a', 'b', 'c', 'd'].map((name) => ask(hung(name)));
    for (const answer of await Promise.all(first)) expect(answer).toContain('504 Gateway Timeout');
    const before = performance.now();
    expect(await ask(hung('a'))).toContain('has not answered since');
    expect(await ask(hung('e'))).toContain('"code":"TOO_MANY_REQUESTS"');
    expect(performance.now() - before).toBeLessThan(2000 * SLOWNESS);
    await run({ id: 'of-root', ...bind(at('fine')) });
    expect(await niwad.client.wait('of-root')).toMatchObject({ code: 0 });
    await mount?.end();
    const aborted = 'START_FAILED'; // ENOTCONN
    await vi.waitFor(async () => expect(await ask(hung('a'))).toContain(aborted), PATIENCE);
  },
);
