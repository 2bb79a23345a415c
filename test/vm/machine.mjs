// @ts-check
// One run of the virtual machine, from the command to its exit status.

import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { initramfs } from './initramfs.mjs';
import { writeJob } from './job.mjs';
import { kernel } from './kernel.mjs';
import { relay } from './port.mjs';
import { startQemu } from './qemu.mjs';
import { tool } from './tool.mjs';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Exit statuses that are not the command's own, numbered as timeout(1) does. */
const TIMED_OUT = 124;
const FAILED = 125;

/** A boot takes 3 to 4 s; many times that on a busy machine. */
const BOOT_SECONDS = 120;

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * @typedef {object} Options
 * @property {string | undefined} [cwd] where the command runs; the project's folder if not given
 * @property {number | undefined} [timeoutSeconds] how long boot and command may take together; no limit if not given
 * @property {Record<string, string | undefined>} [env] more environment for the command
 * @property {number | undefined} [diskMiB] size of the scratch disk at /run/disk, 512 if not given; 0 for none
 * @property {number | undefined} [memoryMiB] the machine's memory, 3072 if not given; writes to the root are kept there
 * as well
 * @property {number | undefined} [cpus] 2 if not given
 * @property {number | undefined} [nice] the priority of the machine, as nice(1) counts; 0 if not given
 * @property {'inherit' | 'ignore' | import('node:stream').Writable} [stdio] where the command's output goes, standard
 *   output and standard error in one; 'inherit', this process's standard output, if not given
 * @property {AbortSignal | undefined} [signal] ends the run early; its reason may name a signal, like 'SIGINT'
 */

/** @typedef {{ status: number, reason?: string }} End the exit status, and what went wrong if not the command itself */

/**
 * Runs a command as root in a throwaway virtual machine that sees the host's files and can change none of them.
 * @param {string | string[] | undefined} command a line for sh, an argv, or undefined: a shell on this terminal
 * @param {Options} [options] how
 * @returns {Promise<number>} the command's exit status; 124 after the timeout; 125 when the machine itself failed, with
 *   the reason and the end of the kernel's log on standard error; 128 + n when ended by options.signal
 * @throws {Error} when the machine cannot be prepared: a program is missing, or no kernel is to be had
 */
export async function runInVm(command, options = {}) {
  try {
    return await prepareAndRun(command, options);
  } catch (error) {
    if (options.signal?.aborted) return signalStatus(options.signal);
    throw error;
  }
}

/**
 * @param {string | string[] | undefined} command
 * @param {Options} options
 * @returns {Promise<number>}
 */
async function prepareAndRun(command, options) {
  const { cwd = PROJECT, env = {}, diskMiB = 512, memoryMiB = 3072, cpus = 2, nice = 0, signal } = options;
  const linux = await kernel(signal);
  const root = await initramfs(linux, signal);
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'niwa-vm-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const token = randomBytes(16).toString('hex');
    const disk = diskMiB > 0 ? await scratchDisk(join(folder, 'disk'), diskMiB) : undefined;
    const { vmlinux, modules } = linux;
    await writeJob(folder, { command, token, cwd, env, modules, disk: diskMiB > 0, visible: [PROJECT, cwd, modules] });
    const machine = startQemu({
      vmlinux,
      initramfs: root,
      job: folder,
      disk,
      memoryMiB,
      cpus,
      nice,
      terminal: !command,
    });
    try {
      // When the guest is up it has read its job, and QEMU has the disk open: a killed run leaves nothing from then on.
      const end = await firstEnd(machine, token, removeFolder, options);
      if (end.reason) console.error(`vm: ${end.reason}\n${machine.lastWords()}`);
      return end.status;
    } finally {
      await machine.stop();
    }
  } finally {
    await removeFolder();
  }
}

/**
 * Waits for whatever ends the run first.
 * @param {import('./qemu.mjs').Machine} machine
 * @param {string} token
 * @param {() => void} onUp
 * @param {Options} options
 * @returns {Promise<End>}
 */
async function firstEnd(machine, token, onUp, { stdio = 'inherit', timeoutSeconds, signal }) {
  const up = new AbortController();
  const over = new AbortController();
  const output = stdio === 'inherit' ? process.stdout : stdio === 'ignore' ? undefined : stdio;
  const command = relay(machine.port, token, output, () => {
    up.abort();
    onUp();
  });
  try {
    return await Promise.race([
      command.then((status) => (status === undefined ? failure(machine) : { status })),
      deadline(BOOT_SECONDS, FAILED, 'the machine was not up', AbortSignal.any([up.signal, over.signal])),
      deadline(timeoutSeconds ?? Infinity, TIMED_OUT, 'timed out', over.signal),
      interruption(signal),
    ]);
  } finally {
    over.abort();
  }
}

/**
 * @param {import('./qemu.mjs').Machine} machine
 * @returns {Promise<End>}
 */
async function failure(machine) {
  return { status: FAILED, reason: `the machine ended without a status (QEMU: ${await machine.ended})` };
}

/**
 * @param {number} seconds
 * @param {number} status
 * @param {string} what
 * @param {AbortSignal} cancelled
 * @returns {Promise<End>} the end when the time has come, never if it was cancelled before
 */
function deadline(seconds, status, what, cancelled) {
  return new Promise((resolve) => {
    const milliseconds = Math.min(seconds * 1000, LONGEST_TIMER_MS);
    const timer = setTimeout(resolve, milliseconds, { status, reason: `${what} after ${seconds} s` });
    cancelled.addEventListener('abort', () => clearTimeout(timer));
  });
}

/**
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<End>}
 */
function interruption(signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve({ status: signalStatus(signal) });
    signal?.addEventListener('abort', () => resolve({ status: signalStatus(signal) }));
  });
}

/** @type {(signal: AbortSignal) => number} */
function signalStatus({ reason }) {
  const { signals } = constants;
  return 128 + (signals[/** @type {NodeJS.Signals} */ (reason)] ?? signals.SIGTERM);
}

/**
 * @param {string} path
 * @param {number} sizeMiB
 * @returns {Promise<string>} the path
 */
async function scratchDisk(path, sizeMiB) {
  await writeFile(path, '');
  await truncate(path, sizeMiB * 2 ** 20);
  // All of it is laid out now, so that the guest's kernel does not write to the disk in the background later.
  await tool('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', path]);
  return path;
}
