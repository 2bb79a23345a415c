// @module-tag vm
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, onTestFinished, vi } from 'vitest';
import { host, scaled } from '../integration/support/host.js';
import { test } from '../integration/support/test.js';

/** One fio outside and one inside have the disk in turns this short, so that what else the machine does hits both. */
const TURN_MS = 200;
const ROUNDS = host.inVm ? 15 : 5;

/** How many times as fast outside may be. Elsewhere than in the virtual machine the disk is not ours alone. */
const BOUND = host.inVm ? 1.05 : 2;

const jobs: [what: string, flags: string[]][] = [
  ['random reads of 4 KiB', ['--rw=randread', '--bs=4k']],
  ['sequential writes of 256 KiB', ['--rw=write', '--bs=256k']],
];

/**
 * A command that uses one file past the page cache, until it is killed. The buffer is a file in memory that both map:
 * where a buffer lies in physical memory makes equal writers differ by 12 %.
 */
function fio(data: string, memory: string, flags: string[]): string[] {
  const file = [`--directory=${data}`, '--filename=data', '--size=32m', '--direct=1', '--ioengine=psync'];
  return [
    'fio',
    '--name=niwa',
    '--thread',
    '--time_based',
    '--runtime=1h',
    `--mem=mmapshared:${memory}/buffer`,
    ...file,
    ...flags,
  ];
}

/** A directory in memory with a buffer for both, open to everybody: not every kernel can id-map such a file system. */
function sharedBuffer(): string {
  const directory = mkdtempSync('/dev/shm/niwa-fio-');
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const buffer = join(directory, 'buffer');
  writeFileSync(buffer, '');
  truncateSync(buffer, 4 << 20);
  chmodSync(directory, 0o777);
  chmodSync(buffer, 0o666);
  return directory;
}

/** The bytes that a process has read from disks and written to them. */
function bytesOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, 'utf8');
  return [...text.matchAll(/^(?:read|write)_bytes: (\d+)$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Lets a stopped process go on for one turn; gives its bytes a second. */
async function turn(pid: number): Promise<number> {
  const before = { bytes: bytesOf(pid), ms: performance.now() };
  process.kill(pid, 'SIGCONT');
  await sleep(TURN_MS);
  process.kill(pid, 'SIGSTOP');
  return ((bytesOf(pid) - before.bytes) * 1000) / (performance.now() - before.ms);
}

/** Waits until a process uses the disk, and stops it. */
async function working(pid: number): Promise<number> {
  const begin = bytesOf(pid);
  await vi.waitFor(() => expect(bytesOf(pid) - begin).toBeGreaterThan(40 << 20), { timeout: scaled(20_000) });
  process.kill(pid, 'SIGSTOP');
  return pid;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The most that the true median may be, 99 times of 100: the rank of the median is that of n tosses of a coin. */
function highestMedian(values: number[]): number {
  const rank = Math.ceil(values.length / 2 + 1.17 * Math.sqrt(values.length));
  return values.toSorted((a, b) => a - b)[Math.min(rank, values.length - 1)] ?? Number.NaN;
}

test.for(jobs)('the disk is as fast inside as outside: %s', async ([what, flags], { niwad }) => {
  const directory = join(niwad.place.files, 'fio');
  mkdirSync(directory, { recursive: true });
  const memory = sharedBuffer();
  const [program = '', ...words] = fio(directory, memory, flags);
  const stranger = execa(program, words, { reject: false, forceKillAfterDelay: false });
  onTestFinished(() => void stranger.kill('SIGKILL'));
  const outside = await working(stranger.pid ?? 0);
  const { id, pid } = await niwad.start({
    process: { args: fio('/data', '/memory', flags) },
    mounts: [
      { type: 'bind', source: directory, target: '/data' },
      { type: 'bind', source: memory, target: '/memory' },
    ],
  });
  const inside = await working(pid ?? 0);

  const ratios: number[] = [];
  let bytes = 0;
  do {
    for (let round = 0; round < ROUNDS; round++) {
      const first = await turn(outside);
      const within = (await turn(inside)) + (await turn(inside));
      const around = first + (await turn(outside));
      ratios.push(within / around);
      bytes = around / 2;
    }
  } while (1 / median(ratios) > BOUND && ratios.length < 4 * ROUNDS); // a busy machine: look longer
  await niwad.client.remove(id, { force: true });

  const difference = median(ratios) - 1;
  const percent = `${difference < 0 ? '' : '+'}${(difference * 100).toFixed(1)} %`;
  console.log(`${what}: ${(bytes / 2 ** 20).toFixed(0)} MiB/s outside, inside ${percent} (${ratios.length} rounds)`);
  expect(1 / highestMedian(ratios)).toBeLessThanOrEqual(BOUND);
});
