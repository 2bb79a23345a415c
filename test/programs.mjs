// @ts-check
// Programs that tests start, unpacked below ~/.cache/niwa-vm and not installed: an installation of some of them would
// start a daemon on this machine.

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached } from './vm/cache.mjs';
import { tool } from './vm/tool.mjs';

/** The versions of Node.js that niwa is tested on beside the one that runs the tests. */
export const OTHER_NODES = [20, 22, 24].filter((major) => major !== Number.parseInt(process.versions.node, 10));

/**
 * Gives the folder of `prometheus` and `promtool`.
 * @returns {Promise<string>}
 * @throws {Error} when apt cannot download the package
 */
export function prometheus() {
  return unpacked('prometheus', ['bin/prometheus', 'bin/promtool']);
}

/**
 * Gives the folder of `containerd`, of its shim, and of `ctr`.
 * @returns {Promise<string>}
 * @throws {Error} when apt cannot download the package
 */
export function containerd() {
  return unpacked('containerd', ['bin/containerd', 'bin/containerd-shim-runc-v2', 'bin/ctr']);
}

/**
 * Gives the folder of `dockerd`, of the programs that it starts, and of `docker`. It needs those of `containerd()`.
 * @returns {Promise<string>}
 * @throws {Error} when apt cannot download the package
 */
export function docker() {
  return unpacked('docker.io', ['sbin/dockerd', 'sbin/docker-proxy', 'bin/docker']);
}

/**
 * Gives the folder of `apparmor_parser`, which loads profiles.
 * @returns {Promise<string>}
 * @throws {Error} when apt cannot download the package
 */
export function apparmor() {
  return unpacked('apparmor', ['sbin/apparmor_parser'], '.');
}

/**
 * Gives a folder with programs of a package of Debian, downloaded and unpacked first if they are not in the cache.
 * @param {string} name of the package
 * @param {string[]} programs by their paths below `top`
 * @param {string} top
 * @returns {Promise<string>}
 */
function unpacked(name, programs, top = 'usr') {
  return cached(name, async (folder) => {
    const whole = join(folder, 'package');
    await mkdir(whole);
    await download(name, folder).catch(async () => {
      await tool('apt-get', ['-qq', 'update']); // old lists name a version that the mirrors no longer have
      await download(name, folder);
    });
    const archive = (await readdir(folder)).find((file) => file.endsWith('.deb')) ?? '';
    await tool('dpkg-deb', ['-x', join(folder, archive), whole]);
    for (const program of programs) await rename(join(whole, top, program), join(folder, basename(program)));
    await rm(whole, { recursive: true });
    await rm(join(folder, archive));
  });
}

/**
 * Gives the folder of another version of `node`, of the npm registry, downloaded first if it is not in the cache.
 * @param {number} major
 * @returns {Promise<string>}
 * @throws {Error} when npm cannot download it
 */
export async function nodejs(major) {
  const name = `node-linux-${process.arch}`;
  const folder = await cached(`node-${major}`, async (unfinished) => {
    const flags = ['--prefix', unfinished, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    await tool('npm', ['install', ...flags, `${name}@${major}`]);
  });
  return join(folder, 'node_modules', name, 'bin');
}

/**
 * @param {string} name of a Debian package
 * @param {string} folder which is private, so that apt's own user could not write there
 */
const download = (name, folder) =>
  tool('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: folder });
