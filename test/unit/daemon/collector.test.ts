import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { measureMemory } from 'node:vm';
import { afterEach, expect, it, vi } from 'vitest';
import { Collector } from '../../../src/daemon/collector.js';

vi.mock('node:vm', async (original) => {
  const vm = await original<typeof import('node:vm')>();
  return { ...vm, measureMemory: vi.fn(vm.measureMemory) };
});

vi.mock('node:v8', async (original) => {
  const v8 = await original<typeof import('node:v8')>();
  return { ...v8, setFlagsFromString: vi.fn(v8.setFlagsFromString) };
});

const MIB = 1024 * 1024;

let collector: Collector | null = null;

afterEach(() => {
  collector?.stop();
  collector = null;
  vi.useRealTimers();
  vi.clearAllMocks();
});

const usedMib = () => getHeapStatistics().used_heap_size / MIB;

/** Leaves objects behind that nobody has any more. */
function litter(): void {
  let kept: object[] = [];
  for (let i = 0; i < 600_000; i++) kept.push({ i });
  kept = [];
}

it('collects what is left behind, in a second in which nothing happens, without a warning', async () => {
  const warn = vi.spyOn(process, 'emitWarning');
  collector = new Collector();
  litter();
  const before = usedMib();
  await expect.poll(usedMib, { timeout: 5000 }).toBeLessThan(before - 10);
  expect(measureMemory).toHaveBeenCalledOnce();
  expect(warn).not.toHaveBeenCalled();
});

it('compacts a heap that has grown, for this collection alone', async () => {
  const flags: string[] = [];
  vi.mocked(setFlagsFromString).mockImplementation((flag) => flags.push(flag));
  vi.mocked(measureMemory).mockImplementation(() => {
    flags.push('collect');
    return Promise.resolve({} as never);
  });
  collector = new Collector();
  litter();
  // The collection of the test before may end only now.
  await expect
    .poll(() => flags.slice(flags.indexOf('--compact-on-every-full-gc')), { timeout: 5000 })
    .toEqual(['--compact-on-every-full-gc', 'collect', '--no-compact-on-every-full-gc']);
});

it('waits while something happens', async () => {
  vi.useFakeTimers();
  collector = new Collector();
  for (let i = 0; i < 5; i++) {
    collector.wait();
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(measureMemory).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1000);
  expect(measureMemory).toHaveBeenCalledOnce();
});
