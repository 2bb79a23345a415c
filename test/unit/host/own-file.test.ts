import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { OwnFile } from '../../../src/host/own-file.js';

it('gives what a file of this process has, at most 100 ms late', async () => {
  const before = readFileSync('/proc/self/comm', 'utf8');
  onTestFinished(() => writeFileSync('/proc/self/comm', before));
  const file = new OwnFile('comm', String);
  for (const name of ['one', 'a longer one', 'two']) {
    writeFileSync('/proc/self/comm', name);
    await sleep(110);
    expect(file.read()).toBe(`${name}\n`);
  }
});

it('looks once for all who ask within this time', () => {
  const before = readFileSync('/proc/self/comm', 'utf8');
  onTestFinished(() => writeFileSync('/proc/self/comm', before));
  const now = vi.spyOn(performance, 'now');
  onTestFinished(() => now.mockRestore());
  now.mockReturnValue(1000);
  const file = new OwnFile('comm', String);
  const first = file.read();
  writeFileSync('/proc/self/comm', 'another');
  now.mockReturnValue(1099);
  expect(file.read()).toBe(first);
  now.mockReturnValue(1100);
  expect(file.read()).toBe('another\n');
});

it('gives a text of many lines whole', () => {
  expect(new OwnFile('limits', String).read()).toBe(readFileSync('/proc/self/limits', 'utf8'));
});

it('reads the same text once', () => {
  let parsed = 0;
  const file = new OwnFile('limits', (text) => ({ text, number: ++parsed }));
  expect(file.read()).toBe(file.read());
  expect(parsed).toBe(1);
});
