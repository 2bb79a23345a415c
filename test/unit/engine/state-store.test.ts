import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { firstState } from '../../../src/engine/saved-state.js';
import type { SavedState } from '../../../src/engine/saved-state-types.js';
import { StateStore } from '../../../src/engine/state-store.js';
import { makePlan } from '../../../src/plan/plan.js';
import { capableHost, refusal, specOf } from '../support.js';

let directory: string;
let states: StateStore;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-store-'));
  states = open();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(): StateStore {
  return new StateStore(join(directory, 'containers'));
}

function stateOf(id: string, fields: Partial<SavedState> = {}): SavedState {
  const spec = specOf({ id });
  return {
    ...firstState(spec, makePlan(spec, capableHost), { idRange: capableHost.idRange, lease: null }, 'boot'),
    ...fields,
  };
}

const segments = () => readdirSync(join(directory, 'states')).map((name) => join(directory, 'states', name));
const journal = () => segments().map((path) => readFileSync(path, 'latin1'));
/** Changes lines of the journal, as other programs and broken memory do. */
function damage(change: (line: string) => string): void {
  for (const path of segments()) writeFileSync(path, readFileSync(path, 'latin1').replace(/.+\n/g, change), 'latin1');
}

function largeSpec(id: string) {
  return specOf({ id, process: { args: ['true'], env: { LONG: 'x'.repeat(40_000) } } });
}

/** Writes and forgets containers: after 50 of them, the journal has removed the segments of before. */
function comeAndGo(store: StateStore, count: number): void {
  for (let i = 0; i < count; i++) {
    const one = stateOf('short', { spec: largeSpec('short') });
    store.add(one);
    store.save({ ...one, phase: 'started' });
    store.remove('short');
  }
}

async function loaded() {
  const store = open();
  const { whole, damaged, strayFile } = await store.load();
  return { store, whole, damaged, strayFile };
}

it('gives back what was saved last, the oldest first', async () => {
  const young = stateOf('young', { createdAt: '2026-01-02T00:00:00.000Z' });
  const old = stateOf('old', { createdAt: '2026-01-01T00:00:00.000Z' });
  states.add(young);
  states.add(old);
  states.save({ ...old, phase: 'created', pid: 7 });
  states.save({ ...old, phase: 'started', startedNs: '9007199254740993' });
  const expected = { whole: [{ ...old, phase: 'started', startedNs: '9007199254740993' }, young], damaged: [] };
  expect(await loaded()).toMatchObject({ ...expected, strayFile: null });
  expect(await states.load()).toMatchObject(expected); // also in the store that wrote it
});

it('says that a program dumps a container as long as it does', async () => {
  const one = stateOf('dumped');
  states.add(one);
  states.save({ ...one, phase: 'started', isDumped: true });
  expect((await loaded()).whole).toMatchObject([{ isDumped: true }]);
  states.save({ ...one, phase: 'started' });
  expect((await loaded()).whole).toMatchObject([{ isDumped: false }]);
});

it('writes the spec once for each run, and again when it has changed', async () => {
  const first = stateOf('web', { spec: specOf({ id: 'web', labels: { mark: 'the-spec' } }) });
  const count = () => journal().join('').split('the-spec').length - 1;
  states.add(first);
  states.save({ ...first, phase: 'created' });
  states.save({ ...first, phase: 'started' });
  expect(count()).toBe(1);
  const changed = { ...first, phase: 'started' as const, spec: { ...first.spec, lifetimeUsec: 5 } };
  states.save(changed);
  expect(count()).toBe(2);
  const { store, whole } = await loaded();
  expect(whole).toEqual([changed]);
  store.save({ ...(whole[0] as SavedState), phase: 'exited' });
  expect(count()).toBe(2);
  const again = stateOf('web', { spec: changed.spec });
  store.replace(again);
  expect((await loaded()).whole).toEqual([again]);
});

it('forgets what is removed, also where the id was used again', async () => {
  states.add(stateOf('gone'));
  states.remove('gone');
  states.add(stateOf('again'));
  writeFileSync(join(states.directoryOf('again'), 'stdout'), 'old');
  states.remove('again');
  const again = stateOf('again');
  states.add(again);
  expect(readdirSync(states.directoryOf('again'))).toEqual([]);
  const { store, whole } = await loaded();
  expect(whole).toEqual([again]);
  store.remove('again');
  expect(readdirSync(join(directory, 'containers'))).toEqual([]);
  store.remove('again');
  expect((await loaded()).whole).toEqual([]);
});

it('stays small, and keeps what lives for long', async () => {
  const kept = stateOf('kept', { spec: largeSpec('kept') });
  states.add(kept);
  states.save({ ...kept, phase: 'created' });
  let store = states;
  let largest = 0;
  for (let i = 0; i < 30; i++) {
    if (i % 6 === 0) ({ store } = await loaded()); // daemons come and go
    comeAndGo(store, 5);
    largest = Math.max(largest, journal().join('').length);
  }
  expect(largest).toBeLessThan(2_000_000);
  expect((await loaded()).whole).toEqual([{ ...kept, phase: 'created' }]);
});

it('bears copies of lines, and a first line that was copied behind the changes', async () => {
  const one = stateOf('one');
  states.add(one);
  states.save({ ...one, phase: 'started' });
  const [first, change] = (journal()[0] ?? '').split(/(?<=\n)/) as [string, string];
  const write = (n: number, text: string) => writeFileSync(join(directory, 'states', `0000000${n}.ndjson`), text);
  write(1, change);
  write(2, first);
  expect((await loaded()).whole).toEqual([{ ...one, phase: 'started' }]);
  write(3, change + first);
  const { store, whole } = await loaded();
  expect(whole).toEqual([{ ...one, phase: 'started' }]);
  store.remove('one');
  expect((await loaded()).whole).toEqual([]);
});

it('names what is damaged or missing, with what can be read of it', async () => {
  const ids = ['whole', 'first', 'last', 'cut', 'fields', 'none'];
  const saved = Object.fromEntries(ids.map((id) => [id, stateOf(id)]));
  for (const one of Object.values(saved)) {
    states.add(one);
    states.save({ ...one, phase: 'created', pid: 7 });
  }
  states.save({ ...(saved.fields as SavedState), phase: 'created', deadlineNs: '-1' });
  damage((line) => {
    if (line.includes('"id":"first"') && line.includes('"state":')) return line.replace('"phase"', '"phasf"');
    if (line.includes('"id":"last"') && line.includes('"change":')) return line.replace('"pid":7', '"pid":9');
    if (line.includes('"id":"cut"') && line.includes('"change":')) return line.slice(0, 100);
    return line.includes('"none"') ? '' : line;
  });
  const { store, whole, damaged, strayFile } = await loaded();
  expect(strayFile).toBeNull();
  expect(whole).toEqual([{ ...saved.whole, phase: 'created', pid: 7 }]);
  expect(Object.fromEntries(damaged.map(({ id, reason }) => [id, reason]))).toEqual({
    first: 'a line of it is damaged',
    last: 'a line of it is damaged',
    cut: 'a line of it is damaged',
    fields: 'deadlineNs: found "-1", not a value of type string',
    none: 'there is none',
  });
  const said = (id: string) => damaged.find((one) => one.id === id)?.said as Partial<SavedState>;
  expect(said('first')).toMatchObject({ phase: 'created', pid: 7, spec: { id: 'first' } });
  expect(said('cut')).toMatchObject({ run: saved.cut?.run, spec: { id: 'cut' } });
  expect(said('cut').phase).toBeUndefined(); // it was no longer being made: nobody may end it

  const kept = damaged.map((one) => store.setAside(one));
  expect(kept.filter((path) => path !== null)).toHaveLength(4);
  expect(readFileSync(join(directory, 'damaged', 'last.json'), 'utf8')).toContain('"pid":9');
  for (const { id } of damaged) store.save({ ...(saved[id] as SavedState), phase: 'started' });
  store.removeDamaged();
  const later = await loaded();
  expect(later.damaged).toEqual([]);
  expect(later.whole).toHaveLength(ids.length);
});

it('loses the state of one container by a damaged newline, and of no other', async () => {
  for (const id of ['a', 'b', 'c']) {
    const one = stateOf(id);
    states.add(one);
    states.save({ ...one, phase: 'started' });
  }
  damage((line) => (line.includes('"id":"b"') ? line.replace('\n', '#') : line));
  const { whole, damaged } = await loaded();
  expect(whole.map(({ spec }) => spec.id).sort()).toEqual(['a', 'c']);
  expect(damaged.map(({ id }) => id)).toEqual(['b']);
});

it('ends none that was being made, as far as known, where a line is damaged', async () => {
  states.add(stateOf('made'));
  const other = stateOf('other');
  states.add(other);
  states.save({ ...other, phase: 'started' });
  damage((line) => (line.includes('"change":') ? line.replace('{"n":', 'xxxx') : line));
  const { damaged, strayFile } = await loaded();
  expect(damaged.map(({ id, said }) => [id, (said as SavedState).phase])).toEqual([
    ['made', undefined],
    ['other', undefined],
  ]);
  expect(readFileSync(strayFile ?? '', 'utf8')).toContain('"phase":"started"');
});

it.each([
  ['removed the segments', () => segments().map((path) => rmSync(path))],
  ['removed the directory', () => rmSync(join(directory, 'states'), { recursive: true })],
  ['emptied the segments', () => segments().map((path) => truncateSync(path))],
  ['cut the segments', () => segments().map((path) => truncateSync(path, 100))],
])('heals itself where another program has %s', async (_, harm) => {
  const [one, two] = [stateOf('one'), stateOf('two')];
  states.add(one);
  states.save({ ...one, phase: 'started' });
  expect(states.isLost()).toBe(false);
  harm();
  expect(states.isLost()).toBe(true);
  expect(states.isLost()).toBe(false);
  states.save({ ...one, phase: 'started' });
  states.add(two);
  const { whole, damaged } = await loaded();
  expect(whole).toEqual([{ ...one, phase: 'started' }, two]);
  expect(damaged).toEqual([]);
});

it('forgets a container also where a part of its lines was cut off before', async () => {
  states.add(stateOf('gone'));
  const length = journal().join('').length;
  states.save({ ...stateOf('gone'), phase: 'started' });
  for (const path of segments()) truncateSync(path, length);
  expect(states.isLost()).toBe(true);
  states.remove('gone');
  comeAndGo(states, 50);
  expect((await loaded()).whole).toEqual([]);
});

it('copies no line that another program has changed, but has its state written again', async () => {
  const one = stateOf('one');
  states.add(one);
  damage((line) => line.replace('"pid":0', '"pid":1'));
  comeAndGo(states, 50);
  expect(states.isLost()).toBe(true);
  states.save(one);
  comeAndGo(states, 50);
  expect(states.isLost()).toBe(false);
  expect(await loaded()).toMatchObject({ whole: [one], damaged: [] });
});

it('removes nothing that is damaged where the new state cannot be written', async () => {
  const one = stateOf('one');
  states.add(one);
  states.save({ ...one, phase: 'started', pid: 7 });
  damage((line) => line.replace('"pid":7', '"pid":9'));
  const { store, damaged } = await loaded();
  expect(damaged).toHaveLength(1);
  const inTheWay = join(directory, 'states', '00000002.ndjson');
  mkdirSync(inTheWay);
  expect(() => store.save({ ...one, phase: 'started' })).toThrow(/EEXIST/);
  store.removeDamaged();
  rmSync(inTheWay, { recursive: true });
  expect((await loaded()).damaged).toMatchObject([{ id: 'one', said: { spec: { id: 'one' }, pid: 9 } }]);
});

/** Writes a state as a niwad did that knew no journal. */
function writeOld(id: string, text: string): void {
  mkdirSync(join(directory, 'containers', id), { recursive: true });
  writeFileSync(join(directory, 'containers', id, 'state.json'), text);
}

it('takes the state files of an earlier niwad once, and gives defaults to the fields that it did not know', async () => {
  const { ready: _, hooksDone: __, lease: ___, ...old } = stateOf('old');
  const { hooks: ____, ready: _____, ...spec } = old.spec;
  writeOld('old', JSON.stringify({ version: 1, ...old, spec }));
  writeOld('half', JSON.stringify(old).slice(0, 100));
  const expected = { ...stateOf('old'), run: old.run, createdAt: old.createdAt };
  const { store, whole, damaged } = await loaded();
  expect(whole).toEqual([expected]);
  expect(damaged).toMatchObject([{ id: 'half', reason: expect.stringContaining('JSON') }]);
  expect(readdirSync(join(directory, 'containers', 'old'))).toEqual([]);
  expect(store.setAside(damaged[0] as (typeof damaged)[0])).toBe(join(directory, 'damaged', 'half.json'));
  store.save({ ...(whole[0] as SavedState), phase: 'started' });
  store.save({ ...stateOf('half'), phase: 'started' });
  expect((await loaded()).damaged).toEqual([]);
  writeOld('old', JSON.stringify({ version: 1, ...old, spec })); // not removed, as where niwad was killed before
  expect((await loaded()).whole).toContainEqual({ ...expected, phase: 'started' });
});

it('refuses what a later version of niwad wrote, rather than take its container for lost', async () => {
  writeOld('newer', '{"version": 99, "spec": {"id": "newer"}}');
  await expect(open().load()).rejects.toMatchObject({
    code: 'HOST_ERROR',
    message: expect.stringMatching(
      /container newer is of version 99, this niwad knows 1: start the niwad that wrote it/,
    ),
  });
});

it.each([-3, 0, 1.5, null])('is not stopped by a version that no niwad writes: %s', async (version) => {
  writeOld('hurt', JSON.stringify({ version, spec: { id: 'hurt' } }));
  expect((await open().load()).damaged).toMatchObject([{ id: 'hurt' }]);
});

it('says which container and why where nothing can be written', () => {
  rmSync(join(directory, 'containers'), { recursive: true });
  writeFileSync(join(directory, 'containers'), 'in the way');
  const error = refusal(() => states.add(stateOf('nowhere')));
  expect(error.code).toBe('HOST_ERROR');
  expect(error.message).toMatch(/the state of container nowhere: ENOTDIR/);
});

it('keeps for the operator what the journal says of a state that does not fit', async () => {
  states.add(stateOf('odd', { pid: 'many' as unknown as number }));
  const { damaged } = await loaded();
  expect(damaged).toMatchObject([{ id: 'odd' }]);
  const lines = journal().join('').split('\n');
  expect(lines).toContain(damaged[0]?.text?.toString('latin1').trimEnd());
});
