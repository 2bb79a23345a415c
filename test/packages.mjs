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
  const { overrides } = readJson(join(root, 'package.json'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', overrides }));
  const source = name === 'niwa' ? root : join(root, 'dist', name);
  for (const path of dependenciesOf(source))
    cpSync(join(root, path), join(folder, path), { recursive: true, verbatimSymlinks: true });
  const packed = await execa('npm', ['pack', '--json', '--pack-destination', folder, source], { cwd: folder });
  const [{ filename }] = JSON.parse(packed.stdout);
  const quiet = ['--offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await execa('npm', ['install', ...quiet, ...flags, `./${filename}`], { cwd: folder, env });
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
