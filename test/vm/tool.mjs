// @ts-check
// Runs the programs of the host that the harness is made of.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The host's search path with the system administrator's folders, which an ordinary user's lacks. */
export const PATH = [...new Set(`${process.env.PATH ?? ''}:${STANDARD_PATH}`.split(':'))].filter(Boolean).join(':');

/**
 * Runs a program of the host to its end.
 * @param {string} name the program
 * @param {string[]} args its arguments
 * @param {{ cwd?: string, signal?: AbortSignal | undefined }} [options] where it runs, and what ends it early
 * @returns {Promise<string>} its standard output
 * @throws {Error} when it fails, with its command line and its standard error
 */
export async function tool(name, args, options) {
  const running = execute(name, args, { ...options, env: { ...process.env, PATH, LC_ALL: 'C' }, maxBuffer: 2 ** 26 });
  const gone = once(running.child, 'exit').catch(() => {});
  try {
    return (await running).stdout;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
    throw new Error(`${name} is not installed: node test/setup.mjs --vm installs it`);
  } finally {
    // An abort fails before the program is gone, and it could still write where the caller cleans up.
    await gone;
  }
}
