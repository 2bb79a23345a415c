import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { OwnFile } from '../../../src/host/own-file.js';

it('gives what a file of this process has now, each time', () => {
  const before = readFileSync('/proc/self/comm', 'utf8');
  onTestFinished(() => writeFileSync('/proc/self/comm', before));
  const file = new OwnFile('comm', String);
  for (const name of ['one', 'a longer one', 'two']) {
    writeFileSync('/proc/self/comm', name);
    expect(file.read()).toBe(`${name}\n`);
  }
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
