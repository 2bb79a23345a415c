import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { NiwaError } from '../../src/protocol/errors.js';
import type { SpecInput } from '../../src/protocol/spec.js';
import { needsFile, PATIENCE, SLOWNESS } from './support/host.js';
import { type HungMount, hungMount } from './support/hung-mount.js';
import { flagsOf, makePlace, Niwad, removePlace } from './support/niwad.js';

/**
 * A file system that answers niwa-reach, and nobody else: what was looked at hangs when the boot helper comes to it.
 */

const FUSE = '/dev/fuse';
const LONG = { timeout: 90_000 * SLOWNESS };
const place = makePlace();
let mount: HungMount | undefined;
let niwad: Niwad;
const hung = (name: string) => join(mount?.directory ?? '', name);
const bind = (source: string): Partial<SpecInput> => ({ mounts: [{ type: 'bind', source, target: '/mnt' }] });
const run = (spec: Partial<SpecInput>) => niwad.start({ process: { args: ['true'] }, ...spec });
const refusalOf = (started: Promise<unknown>) =>
  started.then(
    () => 'it started',
    (error: NiwaError) => error,
  );

/** The children of a process that nobody has waited for. */
function zombiesOf(parent: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^[0-9]+$/.test(pid) || !existsSync(`/proc/${pid}/status`)) return false;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return status.includes(`PPid:\t${parent}\n`) && status.includes('State:\tZ');
  });
}

/**
 * Takes the last turn, and stops a container whose start waits for it: it has an end at once. Gives what comes of both
 * starts.
 */
async function stopWhileItWaits(): Promise<Promise<unknown>[]> {
  await niwad.client.create({ id: 'waits', process: { args: ['true'] }, ...bind(join(place.files, 'fine')) });
  const last = refusalOf(run({ id: 'last', ...bind(hung('last')) }));
  await vi.waitFor(() => expect(niwad.groups()).toContain('last'), PATIENCE);
  const starting = refusalOf(niwad.client.start('waits'));
  await sleep(200);
  expect(await niwad.client.inspect('waits')).toMatchObject({ state: 'created' });
  const stopped = Promise.race([niwad.client.stop('waits'), sleep(3000 * SLOWNESS, 'no answer')]);
  expect(await stopped).toMatchObject({ state: 'exited', started_at: null });
  expect(niwad.ledger('waits')).toMatchObject([{ type: 'final', duration_usec: null }]);
  return [starting, last];
}

beforeEach(({ skip }) => void needsFile(skip, FUSE, 'the kernel has no FUSE'));
beforeAll(async () => {
  mkdirSync(join(place.files, 'fine'));
  if (existsSync(FUSE)) mount = await hungMount(place, 'niwa-reach');
  niwad = await Niwad.start(place, {}, flagsOf(place), mount?.launcher);
});

afterAll(async () => {
  await mount?.end();
  await niwad.stop();
  await removePlace(place);
});

test(
  'niwad can be ended while a helper hangs, and the next one starts at once and undoes the start',
  LONG,
  async () => {
    const asking = refusalOf(run({ id: 'killed', ...bind(hung('killed')) }));
    await vi.waitFor(() => expect(niwad.groups()).toEqual(['killed']), PATIENCE);
    const begun = performance.now();
    await niwad.stop('SIGKILL');
    niwad = await Niwad.start(place, {}, flagsOf(place), mount?.launcher);
    expect(performance.now() - begun).toBeLessThan(10_000 * SLOWNESS);
    await asking;
    await run({ id: 'next' });
    expect(await niwad.client.wait('next')).toMatchObject({ code: 0 });
  },
);

test(
  'a start whose image hangs for the process that mounts it fails in time, and its group stays with that process',
  LONG,
  async () => {
    const refused = await refusalOf(run({ id: 'hung-image', root: { file: hung('image') } }));
    expect(refused).toMatchObject({ code: 'START_FAILED', message: expect.stringContaining('ETIMEDOUT') });
    const processes = niwad.pidsOf('hung-image');
    expect(processes).toHaveLength(1);
    const [pid] = processes;
    for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe('/dev/null');
  },
);

test(
  'starts whose helper hangs fail in time, hold up no others, and leave nothing when the file system answers',
  LONG,
  async () => {
    const hook = { beforeCreate: [{ args: [hung('file')], timeout: '1s' }] };
    const hanging = Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((name) => refusalOf(run({ id: name, ...bind(hung(name)) }))),
    );
    const ofHook = refusalOf(run({ id: 'hook', hooks: hook }));
    const ofImage = refusalOf(run({ id: 'image', root: { file: hung('file') } }));
    const begun = performance.now();
    await Promise.all([...Array(20).keys()].map((i) => run({ id: `plain-${i}` })));
    await run({ id: 'fine', ...bind(join(place.files, 'fine')) });
    expect(performance.now() - begun).toBeLessThan(10_000 * SLOWNESS);
    expect(await niwad.client.wait('fine')).toMatchObject({ code: 0 });
    const [waited, last] = await stopWhileItWaits();
    expect(await ofHook).toMatchObject({ code: 'HOOK_FAILED', message: expect.stringContaining('longer than 1 s') });
    expect(await ofImage).toMatchObject({ code: 'PATH_TIMEOUT' });
    for (const error of await hanging)
      expect(error).toMatchObject({ code: 'START_FAILED', message: expect.stringContaining('does not answer') });
    expect(await waited).toMatchObject({ code: 'STATE_CONFLICT' });
    expect(niwad.groups()).toEqual(expect.arrayContaining(['a', 'e']));
    await mount?.end();
    expect(await last).toMatchObject({ code: 'START_FAILED' });
    await vi.waitFor(() => expect(niwad.groups()).toEqual([]), PATIENCE);
    const told = [{ reason: 'start-failed' }];
    await vi.waitFor(() => expect(niwad.ledger('killed')).toMatchObject(told), PATIENCE);
    let starts = 0; // each reaps those that have ended by then
    await vi.waitFor(async () => {
      await run({ id: `after-${starts++}` });
      expect(zombiesOf(niwad.pid)).toEqual([]);
    }, PATIENCE);
  },
);
