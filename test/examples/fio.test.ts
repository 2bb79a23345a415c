import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { host, scaled } from '../integration/support/host.js';
import { test } from '../integration/support/test.js';

/** One fio outside and one inside have the disk in turns this short, so that what else the machine does hits both. */
const TURN_MS = 200;
const ROUNDS = host.inVm ? 60 : 5;

/** How much faster one may be than the other. Elsewhere than in the virtual machine the disk is not ours alone. */
const BOUND = host.inVm ? 1.05 : 2;

const jobs: [what: string, flags: string[]][] = [
  ['random reads of 4 KiB', ['--rw=randread', '--bs=4k']],
  ['sequential writes of 256 KiB', ['--rw=write', '--bs=256k']],
];

/** A command that uses one file past the page cache, until it is killed. */
function fio(directory: string, flags: string[]): string[] {
  const file = [`--directory=${directory}`, '--filename=data', '--size=32m', '--direct=1', '--ioengine=psync'];
  return ['fio', '--name=niwa', '--thread', '--time_based', '--runtime=1h', ...file, ...flags];
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

/** How many times the larger of two is the smaller one, from their ratio. */
const factor = (ratio: number) => Math.max(ratio, 1 / ratio);

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

test.for(jobs)('the disk is as fast inside as outside: %s', async ([what, flags], { niwad, onTestFinished }) => {
  const directory = join(niwad.place.files, 'fio');
  mkdirSync(directory, { recursive: true });
  const [program = '', ...words] = fio(directory, flags);
  const stranger = execa(program, words, { reject: false, forceKillAfterDelay: false });
  onTestFinished(() => void stranger.kill('SIGKILL'));
  const outside = await working(stranger.pid ?? 0);
  const { id, pid } = await niwad.start({
    process: { args: fio('/data', flags) },
    mounts: [{ type: 'bind', source: directory, target: '/data' }],
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
  } while (factor(median(ratios)) > BOUND && ratios.length < 4 * ROUNDS); // a busy machine: look longer
  await niwad.client.remove(id, { force: true });

  const difference = median(ratios) - 1;
  const percent = `${difference < 0 ? '' : '+'}${(difference * 100).toFixed(1)} %`;
  console.log(`${what}: ${(bytes / 2 ** 20).toFixed(0)} MiB/s outside, inside ${percent} (${ratios.length} rounds)`);
  expect(factor(median(ratios))).toBeLessThanOrEqual(BOUND);
});
