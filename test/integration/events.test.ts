import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, test, vi } from 'vitest';
import { NiwaClient } from '../../src/client/client.js';
import { removeGroup } from '../../src/host/cgroup.js';
import type { EventLine } from '../../src/protocol/events.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { eventsStored, inShort, lastEvent, take, toldSoFar } from './support/events.js';
import { PATIENCE, SLOWNESS } from './support/host.js';
import { raw } from './support/http.js';
import { keeperOf, NIWA } from './support/niwad.js';

const sleeper = { args: ['sleep', '1000'] };

cleanUpDaemons();

describe('every end is told', () => {
  test('of a container of which nothing is left but what was written down', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    await first.start({ id: 'lost', process: sleeper, owner: 'ann', labels: { app: 'x' } });
    const last = await lastEvent(first);
    await first.stop('SIGKILL');
    process.kill(keeperOf(place) ?? 0, 'SIGKILL');
    await removeGroup(first.groupOf('lost'));

    const second = await startDaemon(place);
    expect(await second.client.wait('lost')).toMatchObject({ reason: 'unknown' });
    const exits = (await toldSoFar(second, last)).filter(({ type }) => type === 'exit');
    expect(exits).toMatchObject([{ id: 'lost', owner: 'ann', labels: { app: 'x' }, exit: { reason: 'unknown' } }]);
  });

  test('of one that ended while there was no niwad', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const { pid } = await first.start({ id: 'ended', process: sleeper });
    const last = await lastEvent(first);
    await first.stop('SIGKILL');
    process.kill(pid ?? 0, 'SIGKILL');
    const second = await startDaemon(place);
    await second.client.wait('ended');
    await vi.waitFor(async () => {
      const told = await toldSoFar(second, last);
      expect(inShort(told)).toEqual(['adopt ended', 'exit ended']);
    }, PATIENCE);
  });

  test('of one that was running when the machine went down, of which only the ledger tells', async () => {
    const place = newPlace({ interimIntervalMs: 1000 });
    const first = await startDaemon(place);
    await first.start({ id: 'down', process: sleeper, owner: 'ann' });
    await vi.waitFor(() => expect(first.ledger('down').length).toBeGreaterThan(0), PATIENCE);
    const last = await lastEvent(first);
    await first.stop('SIGKILL');
    process.kill(keeperOf(place) ?? 0, 'SIGKILL');
    await removeGroup(first.groupOf('down'));
    rmSync(place.runDir, { recursive: true });

    const second = await startDaemon(place);
    await vi.waitFor(async () => {
      const [gap, ...told] = await toldSoFar(second, last);
      expect(gap).toMatchObject({ type: 'gap', from: last + 1 });
      expect(told).toMatchObject([{ type: 'exit', id: 'down', owner: 'ann', exit: { reason: 'unknown' } }]);
    }, PATIENCE);
  });

  test('of one that could not be created', async () => {
    const niwad = await startDaemon(newPlace());
    const root = { path: join(niwad.place.files, 'nothing') };
    await expect(niwad.client.create({ id: 'unborn', process: sleeper, root })).rejects.toThrow();
    expect(inShort(await toldSoFar(niwad))).toEqual(['start-failed unborn']);
  });
});

describe('events are kept', () => {
  test('over a stop and over a kill: who comes back with a number misses nothing', async () => {
    const place = newPlace();
    const told: EventLine[] = [];
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
      const niwad = await startDaemon(place);
      const id = `web${told.length}`;
      await niwad.client.create({ id, process: { args: ['true'] }, owner: 'ann' }, { wait: true });
      await niwad.client.remove(id);
      const after = told.at(-1) as { seq: number } | undefined;
      const news = await toldSoFar(niwad, after?.seq ?? 0);
      expect(inShort(news)).toEqual(['create', 'start', 'exit', 'remove'].map((type) => `${type} ${id}`));
      told.push(...news);
      await eventsStored(niwad);
      await niwad.stop(signal);
    }
    expect(told.map((line) => line.type !== 'gap' && line.seq)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(await toldSoFar(await startDaemon(place))).toEqual(told);
  });

  test('and what was lost by a kill is a gap, whose numbers are never used again', async () => {
    const place = newPlace();
    const first = await startDaemon(place, { NIWA_CRASH_AT: 'started-saved' });
    await first.client.create({ id: 'web', process: sleeper }, { start: true }).catch(() => {});
    await first.ended(); // create was told just before
    const second = await startDaemon(place);
    const [gap, ...told] = await toldSoFar(second);
    expect(gap).toEqual({ type: 'gap', from: 1, to: 1 });
    expect(told[0]).toMatchObject({ seq: 2, type: 'adopt', id: 'web' });
  });
});

test('only what is asked for is told, also of what is kept', async () => {
  const niwad = await startDaemon(newPlace());
  await niwad.client.create(
    { id: 'web', process: { args: ['true'] }, owner: 'ann', labels: { app: 'x' } },
    { wait: true },
  );
  await niwad.client.create({ id: 'db', process: { args: ['true'] }, owner: 'bob' }, { wait: true });
  const ofQuery = async (query: string, count: number) => inShort(await take(niwad, query, count));
  expect(await ofQuery('after=0&owner=ann', 3)).toEqual(['create web', 'start web', 'exit web']);
  expect(await ofQuery('since=1h&label=app%3Dx&type=exit', 1)).toEqual(['exit web']);
  expect(await ofQuery('after=1&id=db&id=web&type=start&type=exit', 4)).toEqual([
    'start web',
    'exit web',
    'start db',
    'exit db',
  ]);
  for (const query of ['after=-1', 'after=x', 'since=yesterday', 'type=stop', 'id=..', 'until=tomorrow'])
    expect((await raw(niwad.socket, 'GET', `/v1/events?${query}`)).status).toBe(400);
});

test('events of a span of time are told, and then the stream ends', async () => {
  const niwad = await startDaemon(newPlace());
  await niwad.client.create({ id: 'early', process: { args: ['true'] } }, { wait: true });
  await sleep(5);
  const between = new Date().toISOString();
  await sleep(5);
  await niwad.client.create({ id: 'late', process: { args: ['true'] } }, { wait: true });
  const of = async (...options: string[]) => {
    const { exitCode, stdout } = await niwad.cli('events', '--type', 'exit', ...options);
    expect(exitCode).toBe(0);
    return stdout.split('\n').flatMap((line) => line.split(' ')[2] ?? []);
  };
  expect(await of('--since', '1h', '--until', '0s')).toEqual(['early', 'late']);
  expect(await of('--until', between)).toEqual(['early']);
  expect(await of('--since', between, '--until', '0s')).toEqual(['late']);
  expect(await of('--until', '1h')).toEqual([]);
  const soon = new Date(Date.now() + 1000 * SLOWNESS).toISOString();
  const following = of('--until', soon, '--after', '0'); // waits for the time
  await niwad.client.create({ id: 'new', process: { args: ['true'] } }, { wait: true });
  expect(await following).toEqual(['early', 'late', 'new']);
});

test('a reader whose filter seldom fits is told how far niwad has read, if it asks for that', async () => {
  const niwad = await startDaemon(newPlace());
  await niwad.start({ id: 'web', process: sleeper, owner: 'ann' });
  for (let i = 0; i < 100; i++) await niwad.client.setLifetime('web', { remaining: `${1000 + i}s` });
  await niwad.client.remove('web', { force: true });
  const query = 'after=0&type=remove';
  const [position, removed] = await take(niwad, query, 2, { 'niwa-positions': 'true' });
  expect([position, removed]).toMatchObject([{ type: 'position', seq: 100 }, { type: 'remove' }]);
  expect(inShort(await take(niwad, query, 1))).toEqual(['remove web']);
});

test('the client goes on over restarts of niwad, from the last number that it got', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const client = new NiwaClient(first.socket);
  const events = client.events({ owner: 'ann', after: 0 });
  const heard = events.next();
  await first.client.create({ id: 'web', process: sleeper, owner: 'ann' });
  expect((await heard).value).toMatchObject({ type: 'create', id: 'web' });
  await eventsStored(first);
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  await second.client.remove('web', { force: true });
  const types = ['adopt', 'stopping', 'exit', 'remove'];
  for (const type of types) expect((await events.next()).value).toMatchObject({ type, id: 'web', owner: 'ann' });
  client.close();
  await expect(events.next()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
});

test('the command shows what is kept, and chooses', async () => {
  const niwad = await startDaemon(newPlace());
  await niwad.client.create({ id: 'web', process: { args: ['true'] }, owner: 'ann' }, { wait: true });
  const lines = async (...args: string[]) => {
    const command = execa(NIWA, ['events', ...args], { env: { NIWA_SOCKET: niwad.socket }, reject: false });
    for await (const line of command) {
      command.kill();
      return line;
    }
    return (await command).stderr;
  };
  expect(await lines('--since', '1h', '--type', 'exit', '--owner', 'ann')).toMatch(/Z exit web exited 0$/);
  expect(await lines('--after', '1', 'web')).toMatch(/Z start web$/);
  expect(await lines('--after', '99')).toBe('events 1 to 3 are missing');
  expect(await lines('--after', 'x')).toContain('--after');
});
