import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory of this package, wherever the build has put this file. */
export const PACKAGE_DIR = findPackage(dirname(fileURLToPath(import.meta.url)));

function findPackage(from: string): string {
  const parent = dirname(from);
  return from === parent || existsSync(join(from, 'package.json')) ? from : findPackage(parent);
}
