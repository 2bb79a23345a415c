// @ts-check
// Programs that tests start, unpacked below ~/.cache/niwa-vm and not installed: an installation of some of them would
// start a daemon on this machine.

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './vm/cache.mjs';
import { tool } from './vm/tool.mjs';

/** The versions of Node.js that niwa is tested on beside the one that runs the tests. */
export const OTHER_NODES = [20, 22, 24].filter((major) => major !== Number.parseInt(process.versions.node, 10));

/**
 * Gives the folder of `prometheus` and `promtool`, Debian's, downloaded and unpacked first if they are not in the cache.
 * @returns {Promise<string>}
 * @throws {Error} when apt cannot download the package
 */
export function prometheus() {
  return cached('prometheus', async (folder) => {
    const whole = join(folder, 'package');
    await mkdir(whole);
    await download('prometheus', folder).catch(async () => {
      await tool('apt-get', ['-qq', 'update']); // old lists name a version that the mirrors no longer have
      await download('prometheus', folder);
    });
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb')) ?? '';
    await tool('dpkg-deb', ['-x', join(folder, archive), whole]);
    for (const name of ['prometheus', 'promtool']) await rename(join(whole, 'usr/bin', name), join(folder, name));
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
