import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ContainerStatus } from '../../src/protocol/container.js';
import type { PoolTemplateInput } from '../../src/protocol/pools.js';
import { tarOf } from '../unit/images/make-tar.js';
import { PATIENCE } from './support/host.js';
import { dockerTar, importBytes, shell } from './support/images.js';
import { makePlace, Niwad, removePlace } from './support/niwad.js';

const MAX_AGE_MS = 3000;
const place = makePlace({ pools: { maxAgeMs: 3_600_000 } });
let niwad: Niwad;

beforeAll(async () => {
  niwad = await Niwad.start(place);
});
afterEach(async () => {
  for (const { name } of await niwad.client.pools()) await niwad.client.removePool(name);
  for (const { id } of await niwad.client.list()) await niwad.client.remove(id, { force: true });
});
afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

const SLEEP: PoolTemplateInput = { process: { args: ['sleep', '1000'] }, owner: 'ann' };
const create = (template = SLEEP, ahead = 1) => niwad.client.createPool({ name: 'jobs', ahead, template });
const pool = () => niwad.client.pool('jobs');
const waiting = async () => (await niwad.client.list()).filter(({ ready_made }) => ready_made);

/** Waits until so many are ready, none of which is among `others`; gives them, the oldest first. */
const ready = (count = 1, others: readonly ContainerStatus[] = []) =>
  vi.waitFor(async () => {
    const found = await waiting();
    expect((await pool()).ready).toBe(count);
    expect(found.filter(({ id }) => !others.some((other) => other.id === id))).toHaveLength(count);
    return found;
  }, PATIENCE);
const one = async (others: readonly ContainerStatus[] = []) => (await ready(1, others))[0] as ContainerStatus;
const gone = (id: string) =>
  vi.waitFor(async () => expect((await niwad.client.list()).map((c) => c.id)).not.toContain(id));
const programOf = (pid: number | null) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];

async function restart(signal: 'SIGKILL' | 'SIGTERM', env = {}): Promise<void> {
  await niwad.stop(signal);
  niwad = await Niwad.start(place, env);
}

describe('a pool', () => {
  test('has containers that wait, and a start is the start of one that was there', async () => {
    await create(SLEEP, 2);
    const [first, second] = await ready(2);
    expect(first).toMatchObject({ state: 'created', ready_made: true, started_at: null, spec: { owner: 'ann' } });
    expect(programOf(first?.pid ?? 0)).not.toBe('sleep');
    const started = await niwad.client.startFromPool('jobs');
    expect(started).toMatchObject({ id: first?.id, pid: first?.pid, state: 'running', ready_made: false });
    expect(programOf(started.pid)).toBe('sleep');
    expect(started.id).toMatch(/^jobs-[0-9a-f]{6}$/);
    const after = await ready(2); // replaced at once
    expect(after.map(({ id }) => id)).toContain(second?.id);
    expect(await pool()).toMatchObject({
      wanted: 2,
      ready: 2,
      taken: 1,
      missed: 0,
      thrown_away: 0,
      last_failure: null,
    });
    const metrics = (await niwad.client.metrics()).split('\n');
    expect(metrics).toEqual(expect.arrayContaining(['niwa_ahead_ready 2', 'niwa_ahead_taken_total 1']));
  });

  test('counts the lifetime of a container from its start, and its use from its making', async () => {
    await create({ ...SLEEP, lifetime: '100ms' });
    const { id } = await one();
    const ended = await niwad.client.startFromPool('jobs', { wait: true });
    expect(ended).toMatchObject({ id, exit: { reason: 'lifetime' } });
    const records = niwad.ledger(id);
    expect(records).toMatchObject([{ type: 'final', owner: 'ann', reason: 'lifetime' }]);
    expect(Date.parse(records[0]?.created_at ?? '')).toBeLessThan(Date.parse(records[0]?.started_at ?? ''));
  });

  test('makes a container in the usual way where none is ready', async () => {
    await create();
    await one();
    const all = await Promise.all(Array.from({ length: 5 }, () => niwad.client.startFromPool('jobs')));
    expect(new Set(all.map(({ id }) => id)).size).toBe(5);
    expect(all.map(({ state }) => state)).toEqual(Array(5).fill('running'));
    const { taken, missed } = await pool();
    expect(taken + missed).toBe(5);
    expect(missed).toBeGreaterThan(0);
  });

  test('renews what is ready when its template changes, and keeps it when only the number does', async () => {
    await create();
    const first = await one();
    await create(SLEEP, 2);
    const both = await ready(2);
    expect(both.map(({ id }) => id)).toContain(first.id);
    await create({ ...SLEEP, labels: { new: 'yes' } }, 1);
    const renewed = await one(both);
    expect(renewed.spec.labels).toEqual({ new: 'yes' });
    for (const { id } of both) await gone(id);
  });

  test('renews what is ready when another image gets its name', async () => {
    const imported = async (text: string) =>
      importBytes(niwad, dockerTar([tarOf(...shell(), { path: 'etc/which', data: text })]), 'job:1');
    await imported('one');
    await create({ root: { image: 'job:1' }, process: { args: ['cat', '/etc/which'] } });
    const old = await one();
    await imported('two');
    const { id } = await niwad.client.startFromPool('jobs', { wait: true }); // a moment after: nothing has looked yet
    expect((await niwad.output(id)).stdout).toBe('two');
    expect(niwad.ledger(old.id)[0]).toMatchObject({ reason: 'stopped', started_at: null });
    await one([old]);
  });

  test('starts what is ready without the configuration of its image, which may have megabytes', async () => {
    await importBytes(niwad, dockerTar([tarOf(...shell())]), 'job:1');
    await create({ root: { image: 'job:1' }, process: { args: ['true'] } });
    const { id } = await one();
    const configs = join(place.stateDir, 'images/configs');
    const away = readdirSync(configs).map((name) => [join(configs, name), join(place.files, name)] as const);
    for (const [from, to] of away) renameSync(from, to);
    await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than until the next look
    const started = niwad.client.startFromPool('jobs', { wait: true });
    await expect(started)
      .resolves.toMatchObject({ id, exit: { code: 0 } })
      .finally(() => {
        for (const [from, to] of away) renameSync(to, from);
      });
  });

  test('keeps what is ready while niwad has no descriptor left to look at its paths', async () => {
    const {
      pid,
      place: { files },
    } = niwad;
    await create({ ...SLEEP, mounts: [{ type: 'bind', source: files, target: '/mnt' }] }, 2);
    const before = await ready(2);
    const limit = (count: number) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`]);
    const helpers = execFileSync('pgrep', ['-P', String(pid), '-x', 'niwa-reach'], { encoding: 'utf8' });
    limit(10);
    for (const helper of helpers.trim().split('\n')) process.kill(Number(helper), 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 2500)); // longer than until the next look
    limit(4096);
    await ready(2);
    expect((await waiting()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(await pool()).toMatchObject({ ready: 2, thrown_away: 0 });
  });

  test('throws away what a link leads elsewhere, or another directory replaces', async () => {
    const at = (name: string) => join(place.files, name);
    for (const name of ['a', 'b', 'c']) {
      mkdirSync(at(name));
      writeFileSync(join(at(name), 'which'), name);
    }
    symlinkSync(at('a'), at('link'));
    await create({
      process: { args: ['cat', '/mnt/which'] },
      mounts: [{ type: 'bind', source: at('link'), target: '/mnt' }],
    });
    const read = async () => (await niwad.output((await niwad.client.startFromPool('jobs', { wait: true })).id)).stdout;
    const first = await one();
    expect(await read()).toBe('a');
    await one([first]);
    unlinkSync(at('link'));
    symlinkSync(at('b'), at('link'));
    expect(await read()).toBe('b');
    const third = await one();
    renameSync(at('b'), at('old'));
    renameSync(at('c'), at('b'));
    expect(await read()).toBe('c');
    await one([third]);
    expect((await pool()).thrown_away).toBe(2);
    for (const name of ['a', 'b', 'old', 'link']) rmSync(at(name), { recursive: true });
  });

  test('bills what was never started, and forgets it', async () => {
    await create();
    const { id } = await one();
    await niwad.client.removePool('jobs');
    await gone(id);
    expect(niwad.ledger(id)).toMatchObject([
      { type: 'final', owner: 'ann', reason: 'stopped', started_at: null, duration_usec: null },
    ]);
  });

  test('replaces a container that is removed by hand, and lets nothing else be done to it', async () => {
    await create();
    const { id } = await one();
    const { client } = niwad;
    const conflict = expect.objectContaining({ code: 'STATE_CONFLICT' });
    for (const act of [client.start(id), client.restart(id), client.kill(id), client.update(id, {})])
      await expect(act).rejects.toEqual(conflict);
    await expect(client.setLifetime(id, { lifetime: '1s' })).rejects.toEqual(conflict);
    const joining = { ...SLEEP, namespaces: { network: `container:${id}` } };
    await expect(client.create(joining)).rejects.toEqual(conflict);
    const other = await one();
    expect(other.id).toBe(id);
    await client.remove(id, { force: true });
    await ready(1, [other]);
  });

  test('says why nothing can be made, and takes up again', async () => {
    const directory = join(place.files, 'later');
    await create({ ...SLEEP, mounts: [{ type: 'bind', source: directory, target: '/mnt' }] });
    await vi.waitFor(async () => expect((await pool()).last_failure?.message).toContain(directory), PATIENCE);
    await expect(niwad.client.startFromPool('jobs')).rejects.toMatchObject({ code: 'START_FAILED' });
    mkdirSync(directory);
    await one();
    // the container has to wait longer than the last pause
    await vi.waitFor(async () => expect((await pool()).last_failure).toBeNull(), PATIENCE);
    await niwad.client.removePool('jobs');
    rmSync(directory, { recursive: true });
  });

  test('makes nothing while the node drains', async () => {
    await create();
    const { id } = await one();
    await niwad.client.drain();
    await gone(id);
    await expect(niwad.client.startFromPool('jobs')).rejects.toMatchObject({ code: 'DRAINING' });
    await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than the pool waits for its next look
    expect(await niwad.client.list()).toEqual([]);
    await niwad.client.undrain();
    await one();
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('outlives niwad after %s, and what was ready does not', async (signal) => {
    await create(SLEEP, 2);
    const before = await ready(2);
    const { id } = await niwad.client.startFromPool('jobs');
    await ready(2);
    await restart(signal);
    expect(await niwad.client.inspect(id)).toMatchObject({ state: 'running', ready_made: false });
    await ready(2, before);
    for (const { id: old } of before) if (old !== id) await gone(old);
    const records = niwad.ledger().filter((record) => before.some((old) => old.id === record.id));
    expect(records.filter(({ reason }) => reason !== 'stopped')).toEqual([]);
    await niwad.client.remove(id, { force: true });
  });

  test.each(['making-saved', 'made', 'connected', 'started'])('leaves nothing when niwad dies at %s', async (point) => {
    if (point === 'started') {
      await create();
      await one();
      await restart('SIGTERM', { NIWA_CRASH_AT: point });
      await one();
      await expect(niwad.client.startFromPool('jobs')).rejects.toThrow();
    } else {
      await restart('SIGTERM', { NIWA_CRASH_AT: point });
      await create().catch(() => {}); // the making goes on behind the answer, which may not come any more
    }
    await niwad.ended();
    niwad = await Niwad.start(place);
    const { id } = await one();
    await vi.waitFor(async () => expect((await niwad.client.list()).map((c) => c.id)).toEqual([id]), PATIENCE);
    expect(niwad.groups()).toEqual([id]);
  });

  test('refuses what several containers cannot have at once', async () => {
    const network = { mode: 'bridge', ports: ['8080:80'], address: '10.209.0.9' };
    const template = { ...SLEEP, id: 'x', restart: { policy: 'always' }, network } as PoolTemplateInput;
    await expect(create(template)).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      details: {
        problems: ['template.id', 'template.restart', 'template.network.ports', 'template.network.address'].map(
          (path) => expect.objectContaining({ path }),
        ),
      },
    });
    await expect(create({ ...SLEEP, root: { image: 'none' } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await niwad.client.pools()).toEqual([]);
  });
});

test('replaces a container that has waited as long as the operator allows', async () => {
  const other = makePlace({ pools: { maxAgeMs: MAX_AGE_MS } });
  const young = await Niwad.start(other);
  await young.client.createPool({ name: 'jobs', ahead: 1, template: SLEEP });
  const [first] = await vi.waitFor(async () => {
    const found = await young.client.list();
    expect(found).toHaveLength(1);
    return found;
  }, PATIENCE);
  await vi.waitFor(async () => {
    const found = await young.client.list();
    expect(found.map(({ id }) => id)).not.toContain(first?.id);
    expect(found).toHaveLength(1);
  }, PATIENCE);
  expect((await young.client.pool('jobs')).thrown_away).toBeGreaterThan(0);
  await young.client.removePool('jobs');
  await young.stop();
  await removePlace(other);
});
