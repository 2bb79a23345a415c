import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LineFile } from '../../../src/host/line-file.js';
import { History } from '../../../src/services/history.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-history-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

const begin = () => {
  const file = (name: string) => new LineFile(join(directory, name), 2 ** 17);
  return new History({ decisions: file('decisions'), figures: file('figures') });
};

it('keeps what was decided before the wall clock jumped, in the order of the decisions', async () => {
  const history = begin();
  vi.useFakeTimers({ toFake: ['Date'] });
  for (const at of ['2026-11-01T12:00:00.000Z', '2020-01-01T00:00:00.000Z', '2036-01-01T00:00:00.000Z']) {
    vi.setSystemTime(new Date(at));
    history.add('start', null, `at ${at}`);
    await history.flush();
  }
  expect((await begin().read()).decisions.map(({ at }) => at)).toEqual([
    '2026-11-01T12:00:00.000Z',
    '2020-01-01T00:00:00.000Z',
    '2036-01-01T00:00:00.000Z',
  ]);
});

it('leaves out lines that are no entries', async () => {
  const history = begin();
  history.add('start', 'shop-1', 'a request waits');
  await history.flush();
  appendFileSync(join(directory, 'decisions'), '\n{"at":1}\n[]\n"x"\n\u0000\u0000{"at');
  appendFileSync(join(directory, 'figures'), '\n{"at":"2026-11-01T12:00:00.000Z"}\n');
  history.add('route', 'shop-1', 'it is ready');
  await history.flush();
  const { decisions, figures } = await begin().read();
  expect(decisions.map(({ step }) => step)).toEqual(['start', 'route']);
  expect(figures).toEqual([]);
});

it('shows the newest thousand decisions', async () => {
  const history = begin();
  for (let i = 0; i < 1200; i++) history.add('warn', null, String(i));
  const { decisions } = await history.read();
  expect([decisions.length, decisions[0]?.why, decisions.at(-1)?.why]).toEqual([1000, '200', '1199']);
});
