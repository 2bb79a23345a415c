/** Needed to build the addon, not to run it: `npm install` builds it, a package has it built. */
const BUILD_ONLY = ['cmake-js', 'node-addon-api', 'node-api-headers'];

/**
 * Gives the folders in node_modules that the program needs when it runs, sorted.
 * @param {Record<string, { dependencies?: Record<string, string>, optionalDependencies?: Record<string, string> }>} packages
 *   `packages` of package-lock.json, by folder; the project itself is ""
 * @returns {string[]}
 */
export function runtimePackages(packages) {
  /** @type {Set<string>} */
  const found = new Set();
  const names = Object.keys(packages['']?.dependencies ?? {}).filter((name) => !BUILD_ONLY.includes(name));
  const left = names.map((name) => findFolder(packages, '', name));
  for (const folder of left) {
    if (folder === undefined || found.has(folder)) continue;
    found.add(folder);
    for (const name of Object.keys(packages[folder]?.dependencies ?? {})) left.push(findFolder(packages, folder, name));
  }
  return [...found].sort();
}

/**
 * Where Node.js finds a package from a folder: in the nearest node_modules upwards.
 * @param {Record<string, unknown>} packages
 * @param {string} from
 * @param {string} name
 * @returns {string | undefined}
 */
function findFolder(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (folder === '') return undefined;
  }
}
