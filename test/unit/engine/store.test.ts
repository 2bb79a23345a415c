import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Store, type StoredContainer } from '../../../src/engine/store.js';
import { newStored } from '../../../src/engine/stored.js';
import { makePlan } from '../../../src/plan/plan.js';
import { capableHost, refusal, specOf } from '../support.js';

let directory: string;
let store: Store;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-store-'));
  store = new Store(join(directory, 'containers'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function stored(id: string, fields: Partial<StoredContainer> = {}): StoredContainer {
  const spec = specOf({ id });
  return {
    ...newStored(spec, makePlan(spec, capableHost), { idRange: capableHost.idRange, lease: null }, 'boot'),
    ...fields,
  };
}

it('gives back what was saved last, the oldest first', async () => {
  const young = stored('young', { createdAt: '2026-01-02T00:00:00.000Z' });
  const old = stored('old', { createdAt: '2026-01-01T00:00:00.000Z' });
  store.add(young);
  store.add(old);
  store.save({ ...old, phase: 'started', startedNs: '9007199254740993' });
  expect(await store.load()).toEqual({
    whole: [{ ...old, phase: 'started', startedNs: '9007199254740993' }, young],
    damaged: [],
  });
});

it('names what is damaged or missing, with what it says', async () => {
  const whole = stored('whole');
  store.add(whole);
  const file = (id: string) => join(store.directoryOf(id), 'state.json');
  const write = (id: string, text: string) => {
    store.add(stored(id));
    writeFileSync(file(id), text);
  };
  write('half', JSON.stringify(whole).slice(0, 100));
  write('empty', '{}');
  write('number', JSON.stringify({ version: 1, ...stored('number'), deadlineNs: '-1' }));
  write('other', JSON.stringify({ version: 1, ...whole }));
  store.add(stored('none'));
  rmSync(file('none'));
  const found = await store.load();
  expect(found.whole).toEqual([whole]);
  const reasons = Object.fromEntries(found.damaged.map(({ id, reason }) => [id, reason]));
  expect(reasons).toEqual({
    half: expect.stringContaining('JSON'),
    empty: expect.stringContaining('bootId: found nothing'),
    number: 'deadlineNs: found "-1", not a value of type string',
    other: 'it is that of container whole',
    none: 'there is none',
  });
  expect(found.damaged.find(({ id }) => id === 'number')?.said).toMatchObject({ run: expect.any(String) });
});

it('takes what an earlier niwad did not know for nothing', async () => {
  const { ready: _, hooksDone: __, lease: ___, ...old } = stored('old');
  const { hooks: ____, ready: _____, ...spec } = old.spec;
  store.add(stored('old'));
  writeFileSync(join(store.directoryOf('old'), 'state.json'), JSON.stringify({ version: 1, ...old, spec }));
  expect((await store.load()).whole).toEqual([{ ...stored('old'), run: old.run, createdAt: old.createdAt }]);
});

it('refuses what a later version of niwad wrote, rather than take its container for lost', async () => {
  store.add(stored('newer'));
  writeFileSync(join(store.directoryOf('newer'), 'state.json'), '{"version": 99, "spec": {"id": "newer"}}');
  await expect(store.load()).rejects.toMatchObject({
    code: 'HOST_ERROR',
    message: expect.stringMatching(
      /container newer is of version 99, this niwad knows 1: start the niwad that wrote it/,
    ),
  });
});

it.each([-3, 0, 1.5, null])('is not stopped by a version that no niwad writes: %s', async (version) => {
  store.add(stored('hurt'));
  writeFileSync(join(store.directoryOf('hurt'), 'state.json'), JSON.stringify({ version, spec: { id: 'hurt' } }));
  expect((await store.load()).damaged).toMatchObject([{ id: 'hurt' }]);
});

it('puts a state away for the operator', () => {
  store.add(stored('hurt'));
  const path = store.setAside('hurt');
  expect(path).toBe(join(directory, 'damaged', 'hurt.json'));
  expect(JSON.parse(readFileSync(path ?? '', 'utf8'))).toMatchObject({ spec: { id: 'hurt' } });
  expect(store.setAside('hurt')).toBeNull();
});

it('begins anew with an id that was used before, and leaves nothing when it is removed', () => {
  store.add(stored('again'));
  writeFileSync(join(store.directoryOf('again'), 'stdout'), 'old');
  store.add(stored('again'));
  expect(readdirSync(store.directoryOf('again'))).toEqual(['state.json']);
  store.remove('again');
  expect(readdirSync(join(directory, 'containers'))).toEqual([]);
  store.remove('again');
});

it('says which container and why where nothing can be written', () => {
  rmSync(join(directory, 'containers'), { recursive: true });
  writeFileSync(join(directory, 'containers'), 'in the way');
  const error = refusal(() => store.add(stored('nowhere')));
  expect(error.code).toBe('HOST_ERROR');
  expect(error.message).toMatch(/the state of container nowhere: ENOTDIR/);
});
