// @ts-check
// Packs niwa and niwa-client as they would be published, and installs them into empty projects, without a registry.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @typedef {'niwa' | 'niwa-client'} Name */

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Makes an empty project, packs one of the packages and installs it there. What it depends on is put there before, as
 * package-lock.json has it: npm then asks no registry.
 * @param {string} folder is made
 * @param {Name} name
 * @param {string[]} [flags] of npm install
 * @param {NodeJS.ProcessEnv} [env] for its scripts, added to ours
 */
export async function installPackage(folder, name, flags = [], env = {}) {
  const { execa } = await import('execa'); // run.mjs loads this file before the packages are there
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const source = name === 'niwa' ? root : join(root, 'dist', name);
  for (const path of dependenciesOf(source))
    cpSync(join(root, path), join(folder, path), { recursive: true, verbatimSymlinks: true });
  const { path } = await pack(source, folder);
  const quiet = ['--offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await execa('npm', ['install', ...quiet, ...flags, path], { cwd: folder, env });
}

/**
 * Packs a package.
 * @param {string} source the folder of the package
 * @param {string} folder where the tarball is put
 * @returns {Promise<{ path: string, files: string[] }>} the tarball, and the paths of the files in it
 */
export async function pack(source, folder) {
  const { execa } = await import('execa');
  const packed = await execa('npm', ['pack', '--json', '--pack-destination', folder, source], { cwd: folder });
  const [{ filename, files }] = JSON.parse(packed.stdout);
  return { path: join(folder, filename), files: files.map((/** @type {{ path: string }} */ { path }) => path) };
}

/**
 * Gives the folders in node_modules of all that a package needs to run.
 * @param {string} source the folder of the package
 */
function dependenciesOf(source) {
  /** @type {{ packages: Record<string, { dependencies?: object }> }} */
  const { packages } = readJson(join(root, 'package-lock.json'));
  const found = new Set();
  const names = Object.keys(readJson(join(source, 'package.json')).dependencies);
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const path = `node_modules/${name}`;
    if (found.has(path)) continue;
    found.add(path);
    const inner = Object.entries(packages).filter(([at]) => at === path || at.startsWith(`${path}/`));
    for (const [, { dependencies = {} }] of inner) names.push(...Object.keys(dependencies));
  }
  return [...found].filter((path) => packages[path] !== undefined);
}
