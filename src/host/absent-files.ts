import { existsSync, statfsSync } from 'node:fs';
import { BUILT_IN } from '../plan/protected-files.js';

/** The type of procfs, see statfs(2). */
const PROC_SUPER_MAGIC = 0x9fa0;
/** A file that every procfs has, unless it shows processes alone (`subset=pid`). */
const WITNESS = '/proc/filesystems';

let absent: readonly string[] | undefined;

/**
 * Gives the names of {@link BUILT_IN} that this kernel does not have; looked up once, since they cannot appear later.
 * Where niwad does not see the whole procfs itself, none counts as absent.
 */
export function absentFiles(): readonly string[] {
  absent ??= seesProcfs() ? BUILT_IN.filter((path) => !existsSync(path)) : [];
  return absent;
}

function seesProcfs(): boolean {
  try {
    return statfsSync('/proc').type === PROC_SUPER_MAGIC && existsSync(WITNESS);
  } catch {
    return false;
  }
}
