import { join } from 'node:path';
import { PACKAGE_DIR } from '../installation/directory.js';

/** The directory of niwa.node and the native programs; NIWA_NATIVE_DIR names another build. */
export const nativeDirectory = process.env.NIWA_NATIVE_DIR ?? join(PACKAGE_DIR, 'build/Release');

/** The paths of the addon and of the programs; REACH_PROGRAM has the modes `serve`, `exec`, `image` and `hold`. */
export const ADDON = join(nativeDirectory, 'niwa.node');
export const BOOT_PROGRAM = join(nativeDirectory, 'niwa-boot');
export const KEEPER_PROGRAM = join(nativeDirectory, 'niwa-keeper');
export const FILES_PROGRAM = join(nativeDirectory, 'niwa-files');
export const REACH_PROGRAM = join(nativeDirectory, 'niwa-reach');
