import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { goesOn, readGoesOn, readStartTicks, startTicksOf } from '../../../src/host/process.js';

const rest = 'S 1 2 2 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654321 2560000 200';

it('reads when a process was born, whatever its name holds', () => {
  expect(startTicksOf(`42 (sleep) ${rest}`)).toBe(987654321n);
  expect(startTicksOf(`42 (a) R 1 2 (b) ${rest}`)).toBe(987654321n);
});

it('tells processes apart, and says 0 for one that is not there', () => {
  expect(readStartTicks(process.pid)).toBe(startTicksOf(readFileSync('/proc/self/stat', 'utf8')));
  expect(readStartTicks(0)).toBe(0n);
});

it('tells whether a process goes on', () => {
  const statOf = (flags: number, signals: number) =>
    `42 (a b) S 1 2 2 0 -1 ${flags} 1 0 0 0 0 0 0 0 20 0 1 0 987654321 2560000 200 0 1 1 1 0 0 ${signals} 0 0 0`;
  const plain = 0x400000; // PF_RANDOMIZE
  expect(goesOn(statOf(plain, 0), 987654321n)).toBe(true);
  expect(goesOn(statOf(plain, 1 << 14), 987654321n)).toBe(true); // SIGTERM waits
  expect(goesOn(statOf(plain, 1 << 8), 987654321n)).toBe(false); // SIGKILL does
  expect(goesOn(statOf(plain | 0x4, 0), 987654321n)).toBe(false); // it gives back what it holds
  expect(goesOn(statOf(plain | 0x400, 0), 987654321n)).toBe(false);
  expect(goesOn(statOf(plain, 0), 987654320n)).toBe(false); // another one
});

it('asks the kernel for it', () => {
  expect(readGoesOn(process.pid, readStartTicks(process.pid))).toBe(true);
  expect(readGoesOn(process.pid, 1n)).toBe(false);
  expect(readGoesOn(0, 0n)).toBe(false);
  const child = spawn('/bin/true'); // nobody reaps it before this function has returned
  const isZombie = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(') Z ');
  const born = readStartTicks(child.pid ?? 0);
  while (!isZombie());
  expect(readGoesOn(child.pid ?? 0, born)).toBe(false);
});
