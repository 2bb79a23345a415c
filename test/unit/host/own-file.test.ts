import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { OwnFile } from '../../../src/host/own-file.js';

it('gives what a file of this process has now, each time', () => {
  const before = readFileSync('/proc/self/comm', 'utf8');
  onTestFinished(() => writeFileSync('/proc/self/comm', before));
  const file = new OwnFile('comm');
  for (const name of ['one', 'a longer one', 'two']) {
    writeFileSync('/proc/self/comm', name);
    expect(file.read()).toBe(`${name}\n`);
  }
});

it('gives a text of many lines whole', () => {
  expect(new OwnFile('limits').read()).toBe(readFileSync('/proc/self/limits', 'utf8'));
});
