import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { kernel } from '../../../src/kernel/addon.js';
import { LogStore } from '../../../src/logs/store.js';

function makeStore() {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-log-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const limits = { maxBytes: 1000, maxFiles: 2, bytesPerSecond: 0 };
  const logs = new LogStore(directory, directory, limits, pino({ enabled: false }), kernel);
  const logOf = (id: string) => {
    mkdirSync(join(directory, id));
    writeFileSync(join(directory, id, '00000001.log'), 'of an earlier container');
    return join(directory, id);
  };
  return { logs, logOf };
}

it('a container does not begin with the log of an earlier one', () => {
  const { logs, logOf } = makeStore();
  const log = logOf('c1');
  logs.prepare('c1');
  expect(existsSync(log)).toBe(false);
});

it('removes the logs of containers that are not there, and leaves the others', () => {
  const { logs, logOf } = makeStore();
  const [gone, there] = [logOf('gone'), logOf('there')];
  logs.removeOthers(new Set(['there']));
  expect([gone, there].map(existsSync)).toEqual([false, true]);
});

it('removes a log that could not be removed with its container before the next one with this id begins', ({ skip }) => {
  const { logs, logOf } = makeStore();
  logs.removeOthers(new Set());
  const log = logOf('c1');
  const mark = (change: string) => execFileSync('chattr', [change, log], { stdio: 'pipe' });
  try {
    mark('+i');
  } catch {
    skip('needs root, and a file system with the attribute "immutable"');
  }
  logs.discard('c1');
  expect(existsSync(log)).toBe(true);
  expect(() => logs.prepare('c1')).toThrow('cannot remove the log of an earlier container c1');
  mark('-i');
  logs.prepare('c1');
  expect(existsSync(log)).toBe(false);
});
