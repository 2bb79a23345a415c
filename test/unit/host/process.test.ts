import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readStartTicks, startTicksOf } from '../../../src/host/process.js';

const rest = 'S 1 2 2 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654321 2560000 200';

it('reads when a process was born, whatever its name holds', () => {
  expect(startTicksOf(`42 (sleep) ${rest}`)).toBe(987654321n);
  expect(startTicksOf(`42 (a) R 1 2 (b) ${rest}`)).toBe(987654321n);
});

it('tells processes apart, and says 0 for one that is not there', () => {
  expect(readStartTicks(process.pid)).toBe(startTicksOf(readFileSync('/proc/self/stat', 'utf8')));
  expect(readStartTicks(0)).toBe(0n);
});
