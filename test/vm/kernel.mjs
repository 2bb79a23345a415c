// @ts-check
// The guest's kernel: Debian's, downloaded and unpacked into the cache, not installed.

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE, cached, exists, fingerprint } from './cache.mjs';
import { tool } from './tool.mjs';
import { vmlinux } from './vmlinux.mjs';

/** Debian's name for its newest kernel of the full flavour (the cloud flavour has no 9p). */
const NEWEST = 'linux-image-amd64';
const LISTS = '/var/lib/apt/lists';
const NOTE = join(CACHE, 'newest.json');

/**
 * @typedef {object} Kernel
 * @property {string} folder where it was unpacked
 * @property {string} modules its modules, to be seen as /lib/modules
 * @property {string} version as `uname -r` says it
 * @property {string} vmlinux the file to boot
 */

/**
 * Gives the newest kernel that apt knows, downloaded and unpacked first if it is not in the cache.
 * @param {AbortSignal} [signal] ends the work early
 * @returns {Promise<Kernel>} the kernel
 * @throws {Error} when apt knows no kernel or cannot download it
 */
export async function kernel(signal) {
  const folder = (await noted()) ?? (await unpacked(signal));
  const modules = join(folder, 'lib/modules');
  return { folder, modules, version: await only(modules), vmlinux: join(folder, 'vmlinux') };
}

/**
 * The folder found last time, for as long as apt's lists are the same: asking apt itself takes half a second.
 * @returns {Promise<string | undefined>}
 */
async function noted() {
  const note = await readFile(NOTE, 'utf8').then(JSON.parse, () => undefined);
  if (note?.key === (await noteKey()) && (await exists(note.folder))) return note.folder;
  return undefined;
}

/** @param {string} folder */
async function takeNote(folder) {
  const unfinished = `${NOTE}.${process.pid}`;
  await writeFile(unfinished, JSON.stringify({ key: await noteKey(), folder }));
  await rename(unfinished, NOTE);
}

async function noteKey() {
  const lists = await stat(LISTS).catch(() => undefined);
  return `${lists?.mtimeMs}-${await workFingerprint()}`;
}

function workFingerprint() {
  return fingerprint(new URL('kernel.mjs', import.meta.url), new URL('vmlinux.mjs', import.meta.url));
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} the kernel's folder
 */
async function unpacked(signal) {
  const known = await newestKnown(signal);
  // Old lists name a version that the mirrors no longer have: then they are renewed and asked once more.
  const folder = (known && (await unpack(known, signal).catch(() => undefined))) ?? (await unpackAfterUpdate(signal));
  await takeNote(folder);
  return folder;
}

/** @param {AbortSignal} [signal] */
async function unpackAfterUpdate(signal) {
  await tool('apt-get', ['-qq', 'update'], { signal });
  const known = await newestKnown(signal);
  if (!known) throw new Error(`apt knows no ${NEWEST}: the virtual machine needs Debian 12's archive in apt's sources`);
  return unpack(known, signal);
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ name: string, version: string } | undefined>} undefined when apt has no lists
 */
async function newestKnown(signal) {
  const record = await tool('apt-cache', ['show', '--no-all-versions', NEWEST], { signal }).catch(() => '');
  const [, name, version] = /^Depends: (linux-image-\S+) \(= (\S+)\)/m.exec(record) ?? [];
  return name && version ? { name, version } : undefined;
}

/**
 * @param {{ name: string, version: string }} known
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} the kernel's folder
 */
async function unpack({ name, version }, signal) {
  return cached(`${name}_${version}-${await workFingerprint()}`, async (folder) => {
    console.error(`vm: downloading and unpacking ${name} ${version}`);
    const whole = join(folder, 'package');
    await mkdir(whole);
    // The folder is private, so apt's own user could not write there.
    const download = ['-qq', '-o', 'APT::Sandbox::User=root', 'download', `${name}=${version}`];
    await tool('apt-get', download, { cwd: folder, signal });
    const archive = join(folder, await only(folder, '.deb'));
    await tool('dpkg-deb', ['-x', archive, whole], { signal });
    await rename(join(whole, 'lib'), join(folder, 'lib'));
    const release = await only(join(folder, 'lib/modules'));
    await tool('depmod', ['-b', folder, release], { signal });
    await writeFile(join(folder, 'vmlinux'), vmlinux(await readFile(join(whole, 'boot', `vmlinuz-${release}`))));
    await rm(whole, { recursive: true });
    await rm(archive);
  });
}

/**
 * @param {string} folder
 * @param {string} [ending]
 * @returns {Promise<string>} the name in the folder that ends so
 */
async function only(folder, ending = '') {
  const name = (await readdir(folder)).find((entry) => entry.endsWith(ending));
  if (!name) throw new Error(`${folder} is not complete: remove ${CACHE} and try again`);
  return name;
}
