import { existsSync, readFileSync } from 'node:fs';
import { type CONTROLLERS, lookAtCgroupTree } from '../../../src/host/cgroup.js';

/**
 * What the tests have to know of the machine they run on: the tests are the same everywhere, what can be seen is not.
 */

export type Controller = (typeof CONTROLLERS)[number];

/** The part of vitest's context that ends a test early, by name and reason. */
export type Skip = (condition: boolean, note: string) => void;

const { missing } = lookAtCgroupTree('niwa-test').controllers;

export const host = {
  /** The machine of test/vm: emulated, with every controller. */
  inVm: process.env.IN_VM === '1',
  /** Whether all takes longer: there, and on the build of test/sanitize.mjs. */
  slow: process.env.IN_VM === '1' || process.env.NIWA_SANITIZED === '1',
  /** An ext4 on a virtio block device, only in that machine. */
  scratchDisk: process.env.NIWA_VM_DISK,
  /** Why a controller cannot be used, by its name. */
  missing,
};

/** Whether chaos and soak go on as long as they can, for `npm run test:long`. */
export const LONG = process.env.NIWA_LONG === '1';

/** JavaScript is 8 to 15 times slower under emulation: how much longer things may take there. */
export const SLOWNESS = host.slow ? 10 : 1;

/**
 * How long a test waits for a fact, as options of `vi.waitFor`: many times what it takes, because others may use the
 * processors meanwhile. It costs time only where the fact never comes.
 */
export const PATIENCE = { timeout: 15_000 * SLOWNESS, interval: 20 };

/** A time that is long enough to act in on this machine. */
export function scaled(milliseconds: number): number {
  return milliseconds * (host.slow ? 4 : 1);
}

/**
 * How late the end of a lifetime may come, in milliseconds. Others may use the processors, and the process has to run to
 * end; but natively it is less than the 500 ms after which the keeper acts in niwad's place.
 */
export const MAX_LATENESS_MS = host.slow ? 2000 : 250;

/** Skips the test where limits of this controller cannot be enforced. */
export function needsController(skip: Skip, controller: Controller): void {
  skip(controller in missing, `needs the ${controller} controller: ${missing[controller]}`);
}

/** Skips the test where there is no file; gives its path. */
export function needsFile(skip: Skip, path: string, reason: string): string {
  skip(!existsSync(path), `needs ${path}: ${reason}`);
  return path;
}

/** Skips the test where there is no disk to limit; gives its directory and the "major:minor" of the device. */
export function needsScratchDisk(skip: Skip): { directory: string; device: string } {
  const directory = host.scratchDisk ?? '';
  skip(directory === '', 'needs a scratch disk (NIWA_VM_DISK): only the virtual machine has one');
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((text) => text.split(' '))
    .find((fields) => fields[4] === directory);
  return { directory, device: line?.[2] ?? '' };
}
