// @ts-check
// The guest's first root: busybox, the modules that reach the host's files, and the two scripts of guest/.

import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached, fingerprint } from './cache.mjs';
import { cpio } from './cpio.mjs';
import { tool } from './tool.mjs';

/**
 * What the guest needs before it can load modules from the host's disk, plus ext4 for the scratch disk and loop for
 * images.
 */
const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_console', '9p', '9pnet_virtio', 'overlay', 'ext4', 'loop'];
const BUSYBOX = '/bin/busybox';
const HERE = import.meta.url;
const SCRIPTS = { init: new URL('guest/init.sh', HERE), 'stage2.sh': new URL('guest/stage2.sh', HERE) };

/**
 * Gives the initramfs for a kernel, made first if it is not in the cache.
 * @param {import('./kernel.mjs').Kernel} kernel the kernel it is for
 * @param {AbortSignal} [signal] ends the work early
 * @returns {Promise<string>} the archive's path
 * @throws {Error} when the kernel lacks a module, or the host its static busybox
 */
export async function initramfs(kernel, signal) {
  const { mtimeMs } = await stat(BUSYBOX).catch(() => {
    throw new Error(`no ${BUSYBOX}: install busybox-static (node test/setup.mjs --vm does)`);
  });
  const sources = [new URL(HERE), new URL('cpio.mjs', HERE), ...Object.values(SCRIPTS)];
  const name = `initramfs-${await fingerprint(kernel.folder, `${mtimeMs}`, ...sources)}`;
  const folder = await cached(name, async (unfinished) => {
    await writeFile(join(unfinished, 'initramfs.cpio'), cpio(await content(kernel, signal)));
  });
  return join(folder, 'initramfs.cpio');
}

/**
 * @param {import('./kernel.mjs').Kernel} kernel
 * @param {AbortSignal} [signal]
 * @returns {Promise<Record<string, Buffer | null>>}
 */
async function content(kernel, signal) {
  const modules = await modulesInOrder(kernel, signal);
  /** @type {Record<string, Buffer | null>} */
  const entries = {};
  for (const folder of ['bin', 'dev', 'proc', 'sys', 'modules', 'host', 'over', 'stage', 'new']) entries[folder] = null;
  entries['bin/busybox'] = await readFile(BUSYBOX);
  for (const [name, script] of Object.entries(SCRIPTS)) entries[name] = await readFile(script);
  for (const path of modules) entries[`modules/${basename(path)}`] = await readFile(path);
  entries['modules/order'] = Buffer.from(modules.map((path) => `${basename(path)}\n`).join(''));
  return entries;
}

/**
 * @param {import('./kernel.mjs').Kernel} kernel
 * @param {AbortSignal} [signal]
 * @returns {Promise<string[]>} the modules' files, each after those it depends on
 */
async function modulesInOrder({ folder, version }, signal) {
  const plan = await tool('modprobe', ['-d', folder, '-S', version, '--show-depends', '-a', ...MODULES], { signal });
  return [...new Set([...plan.matchAll(/^insmod (\S+)/gm)].map(([, path = '']) => path))];
}
