import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Store, type StoredContainer } from '../../../src/container/store.js';
import { newStored } from '../../../src/container/stored.js';
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

it('gives back what was saved last, the oldest first', () => {
  const young = stored('young', { createdAt: '2026-01-02T00:00:00.000Z' });
  const old = stored('old', { createdAt: '2026-01-01T00:00:00.000Z' });
  store.add(young);
  store.add(old);
  store.save({ ...old, phase: 'started', startedNs: '9007199254740993' });
  expect(store.load()).toEqual({
    stored: [{ ...old, phase: 'started', startedNs: '9007199254740993' }, young],
    unreadable: [],
  });
});

it('names what cannot be read: half a file, and none', () => {
  for (const id of ['half', 'none']) store.add(stored(id));
  const file = (id: string) => join(store.directoryOf(id), 'state.json');
  writeFileSync(file('half'), readFileSync(file('half'), 'utf8').slice(0, 100));
  rmSync(file('none'));
  const { stored: readable, unreadable } = store.load();
  expect(readable).toEqual([]);
  const reasons = Object.fromEntries(unreadable.map(({ id, reason }) => [id, reason]));
  expect(reasons).toEqual({
    half: expect.stringContaining('JSON'),
    none: expect.stringContaining('ENOENT'),
  });
});

it('refuses what another version of niwad wrote, rather than take its container for lost', () => {
  store.add(stored('newer'));
  writeFileSync(join(store.directoryOf('newer'), 'state.json'), '{"version": 99, "spec": {"id": "newer"}}');
  const error = refusal(() => store.load());
  expect(error.code).toBe('HOST_ERROR');
  expect(error.message).toMatch(/container newer is of version 99, this niwad knows 1: start the niwad that wrote it/);
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
