import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LogStream } from '../../../src/daemon/log-stream.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-log-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const LINE = `${'x'.repeat(1023)}\n`;
const LINES = 4096;

/** Reads what a pipe has for now. */
function drain(fd: number): number {
  const buffer = Buffer.alloc(1024 * 1024);
  let bytes = 0;
  try {
    for (;;) bytes += readSync(fd, buffer);
  } catch {
    return bytes;
  }
}

it('drops and counts lines for a pipe that nobody reads, and tells of them when it is read', async () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const told: number[] = [];
  const stream = new LogStream(writer, (lines) => told.push(lines));
  for (let i = 0; i < LINES; i++) stream.write(LINE);
  await sleep(100);
  const { dropped } = stream;
  expect(dropped).toBeGreaterThan(LINES / 2);
  expect(told).toEqual([]);
  let bytes = 0;
  await vi.waitFor(
    () => {
      bytes += drain(reader);
      expect(bytes).toBe((LINES - dropped) * LINE.length);
      expect(told).toEqual([dropped]);
    },
    { timeout: 5000 },
  );
  stream.write(LINE);
  await stream.flushed(1000);
  expect(drain(reader)).toBe(LINE.length);
  expect(stream.dropped).toBe(dropped);
  closeSync(reader);
  closeSync(writer);
});

it('waits for nobody where a disk is full', async () => {
  const full = openSync('/dev/full', 'w');
  const stream = new LogStream(full, () => {});
  for (let i = 0; i < LINES; i++) stream.write(LINE);
  const before = performance.now();
  await stream.flushed(50);
  expect(performance.now() - before).toBeLessThan(1000);
  expect(stream.dropped).toBe(LINES - 1024);
});

it('writes a line to a pipe at once', () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  new LogStream(writer, () => {}).write(LINE);
  expect(drain(reader)).toBe(LINE.length);
  closeSync(reader);
  closeSync(writer);
});
