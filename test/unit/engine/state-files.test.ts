import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { firstState } from '../../../src/engine/saved-state.js';
import { type SavedState, StateFiles } from '../../../src/engine/state-files.js';
import { makePlan } from '../../../src/plan/plan.js';
import { capableHost, refusal, specOf } from '../support.js';

let directory: string;
let stateFiles: StateFiles;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-store-'));
  stateFiles = new StateFiles(join(directory, 'containers'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function stored(id: string, fields: Partial<SavedState> = {}): SavedState {
  const spec = specOf({ id });
  return {
    ...firstState(spec, makePlan(spec, capableHost), { idRange: capableHost.idRange, lease: null }, 'boot'),
    ...fields,
  };
}

it('gives back what was saved last, the oldest first', async () => {
  const young = stored('young', { createdAt: '2026-01-02T00:00:00.000Z' });
  const old = stored('old', { createdAt: '2026-01-01T00:00:00.000Z' });
  stateFiles.add(young);
  stateFiles.add(old);
  stateFiles.save({ ...old, phase: 'started', startedNs: '9007199254740993' });
  expect(await stateFiles.load()).toEqual({
    whole: [{ ...old, phase: 'started', startedNs: '9007199254740993' }, young],
    damaged: [],
  });
});

it('names what is damaged or missing, with what it says', async () => {
  const whole = stored('whole');
  stateFiles.add(whole);
  const file = (id: string) => join(stateFiles.directoryOf(id), 'state.json');
  const write = (id: string, text: string) => {
    stateFiles.add(stored(id));
    writeFileSync(file(id), text);
  };
  write('half', JSON.stringify(whole).slice(0, 100));
  write('empty', '{}');
  write('number', JSON.stringify({ version: 1, ...stored('number'), deadlineNs: '-1' }));
  const { spec } = stored('signal');
  write('signal', JSON.stringify({ version: 1, ...stored('signal'), spec: { ...spec, stopSignal: 'SIGNO' } }));
  write('other', JSON.stringify({ version: 1, ...whole }));
  stateFiles.add(stored('none'));
  rmSync(file('none'));
  const found = await stateFiles.load();
  expect(found.whole).toEqual([whole]);
  const reasons = Object.fromEntries(found.damaged.map(({ id, reason }) => [id, reason]));
  expect(reasons).toEqual({
    half: expect.stringContaining('JSON'),
    empty: expect.stringContaining('bootId: found nothing'),
    number: 'deadlineNs: found "-1", not a value of type string',
    signal: 'spec.stopSignal: found "SIGNO", not a signal',
    other: 'it is that of container whole',
    none: 'there is none',
  });
  expect(found.damaged.find(({ id }) => id === 'number')?.said).toMatchObject({ run: expect.any(String) });
});

it('takes what an earlier niwad did not know for nothing', async () => {
  const { ready: _, hooksDone: __, lease: ___, ...old } = stored('old');
  const { hooks: ____, ready: _____, ...spec } = old.spec;
  stateFiles.add(stored('old'));
  writeFileSync(join(stateFiles.directoryOf('old'), 'state.json'), JSON.stringify({ version: 1, ...old, spec }));
  expect((await stateFiles.load()).whole).toEqual([{ ...stored('old'), run: old.run, createdAt: old.createdAt }]);
});

it('refuses what a later version of niwad wrote, rather than take its container for lost', async () => {
  stateFiles.add(stored('newer'));
  writeFileSync(join(stateFiles.directoryOf('newer'), 'state.json'), '{"version": 99, "spec": {"id": "newer"}}');
  await expect(stateFiles.load()).rejects.toMatchObject({
    code: 'HOST_ERROR',
    message: expect.stringMatching(
      /container newer is of version 99, this niwad knows 1: start the niwad that wrote it/,
    ),
  });
});

it.each([-3, 0, 1.5, null])('is not stopped by a version that no niwad writes: %s', async (version) => {
  stateFiles.add(stored('hurt'));
  writeFileSync(join(stateFiles.directoryOf('hurt'), 'state.json'), JSON.stringify({ version, spec: { id: 'hurt' } }));
  expect((await stateFiles.load()).damaged).toMatchObject([{ id: 'hurt' }]);
});

it('puts a state away for the operator', () => {
  stateFiles.add(stored('hurt'));
  const path = stateFiles.setAside('hurt');
  expect(path).toBe(join(directory, 'damaged', 'hurt.json'));
  expect(JSON.parse(readFileSync(path ?? '', 'utf8'))).toMatchObject({ spec: { id: 'hurt' } });
  expect(stateFiles.setAside('hurt')).toBeNull();
});

it('begins anew with an id that was used before, and leaves nothing when it is removed', () => {
  stateFiles.add(stored('again'));
  writeFileSync(join(stateFiles.directoryOf('again'), 'stdout'), 'old');
  stateFiles.add(stored('again'));
  expect(readdirSync(stateFiles.directoryOf('again'))).toEqual(['state.json']);
  stateFiles.remove('again');
  expect(readdirSync(join(directory, 'containers'))).toEqual([]);
  stateFiles.remove('again');
});

it('says which container and why where nothing can be written', () => {
  rmSync(join(directory, 'containers'), { recursive: true });
  writeFileSync(join(directory, 'containers'), 'in the way');
  const error = refusal(() => stateFiles.add(stored('nowhere')));
  expect(error.code).toBe('HOST_ERROR');
  expect(error.message).toMatch(/the state of container nowhere: ENOTDIR/);
});
