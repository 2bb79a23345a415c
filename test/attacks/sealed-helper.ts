import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The program that runs in each container before the user's one, as it is built. */
export const HELPER = readFileSync(fileURLToPath(new URL('../../build/Release/niwa-boot', import.meta.url)));

/** What programs/overwrite-exe.c tells of it: the seals of its memory refuse each change of its bytes. */
export const SEALED = {
  'take hold': 'worked',
  size: String(HELPER.length),
  'open for writing': 'worked',
  write: 'EPERM',
  truncate: 'EPERM',
  grow: 'EPERM',
  map: 'EPERM',
  unseal: 'EPERM',
  'change the mode': 'worked',
};
