// Writes down the licences of the packages whose code is in the bundles and in the addon: who gives niwa to others has
// to give these, too.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What the compiler puts into the addon: headers with code. */
const IN_THE_ADDON = ['node_modules/node-addon-api'];
const LICENCE = /^(licen[cs]e|copying|notice)/i;
const LINE = '-'.repeat(80);

/**
 * Makes a plugin of rolldown that writes the licences of all packages in the bundles that are built with it.
 * @param {string} file the path of the text, from the folder of the project
 */
export function writeLicences(file) {
  const folders = new Set(IN_THE_ADDON.map((folder) => join(root, folder)));
  return {
    name: 'licences',
    /** @param {object} _options @param {Record<string, { moduleIds?: string[] }>} bundle */
    writeBundle(_options, bundle) {
      for (const { moduleIds = [] } of Object.values(bundle))
        for (const id of moduleIds) {
          const folder = packageFolder(id);
          if (folder !== undefined) folders.add(folder);
        }
      writeFileSync(join(root, file), licencesOf([...folders]));
    },
  };
}

/**
 * Gives the folder of the package that a module belongs to; undefined for one of niwa itself, or of rolldown.
 * @param {string} id the path of the module
 */
function packageFolder(id) {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
}

/** @param {string[]} folders */
function licencesOf(folders) {
  const packages = folders.map(readPackage).sort((a, b) => (a.title < b.title ? -1 : 1));
  const different = packages.filter(({ title }, i) => title !== packages[i - 1]?.title);
  const parts = different.map(({ title, license, text }) => `${LINE}\n${title} (${license})\n${LINE}\n\n${text}\n`);
  return `niwa contains code of these packages, under their licences.\n\n${parts.join('\n')}`;
}

/**
 * @param {string} folder
 * @throws {Error} for a package without a licence: it may not be given to others
 */
function readPackage(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => LICENCE.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  if (texts.length === 0 && license !== 'MIT')
    throw new Error(`${folder} has no file with its licence: bundle no such package`);
  if (texts.length === 0) texts.push(mitOf(author?.name ?? author ?? `the authors of ${name}`));
  return { title: `${name} ${version}`, license, text: texts.join('\n\n') };
}

/**
 * Gives the text of the MIT licence for a package that names only the licence.
 * @param {string} author
 */
function mitOf(author) {
  return readFileSync(join(root, 'LICENSE'), 'utf8')
    .trim()
    .replace(/^Copyright .*$/m, `Copyright (c) ${author}`);
}
