// @ts-check
// What the guest is to do: a folder of the host that the guest's init reads once, at boot.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PATH } from './tool.mjs';

/** Where the guest has its scratch disk. */
export const DISK = '/run/disk';

/**
 * @typedef {object} Job
 * @property {string | string[] | undefined} command a shell line, an argv, or nothing: a shell on the terminal
 * @property {string} token marks what is not the command's output (port.mjs)
 * @property {string} cwd where the command runs
 * @property {Record<string, string | undefined>} env more environment for it
 * @property {boolean} disk whether there is a scratch disk
 * @property {string} modules the kernel's modules on the host
 * @property {string[]} visible folders of the host that the guest has to see even below /tmp and /run
 */

/**
 * Writes what guest/init.sh and guest/stage2.sh read.
 * @param {string} folder an existing folder that the guest can reach
 * @param {Job} job what is to be done
 */
export async function writeJob(folder, job) {
  const files = {
    environment: environment(job),
    command: `${shellLine(job.command)}\n`,
    binds: lines(outermost(job.visible.filter(isHidden))),
  };
  await Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(folder, name), content)));
}

/**
 * Turns a command into a line for sh. One argument is a shell line as it is; several are an argv, so they are quoted.
 * @param {string | string[] | undefined} command the command
 * @returns {string} the line
 */
export function shellLine(command = '') {
  return Array.isArray(command) ? `exec ${command.map(quote).join(' ')}` : command;
}

/** @type {(text: string) => string} */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @type {(job: Job) => string} */
function environment({ command, token, cwd, env, disk, modules }) {
  const { rows, columns } = process.stdout;
  const terminal = command ? '' : `rows ${rows || 24} columns ${columns || 80}`;
  const own = { token, directory: cwd, modules, terminal };
  const exported = {
    PATH,
    HOME: '/root',
    LANG: 'C.UTF-8',
    TERM: command ? 'dumb' : process.env.TERM,
    CI: process.env.CI,
    IN_VM: '1',
    NIWA_VM_DISK: disk ? DISK : undefined,
    ...env,
  };
  return lines([
    ...Object.entries(own).map(([name, value]) => `${name}=${quote(value)}`),
    ...Object.entries(exported).map(([name, value]) =>
      value === undefined ? `unset ${name}` : `export ${name}=${quote(value)}`,
    ),
  ]);
}

/** @type {(path: string) => boolean} */
function isHidden(path) {
  return /^\/(tmp|run)\/./.test(path);
}

/** @type {(folders: string[]) => string[]} */
function outermost(folders) {
  return [...new Set(folders)].filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

/** @type {(items: string[]) => string} */
function lines(items) {
  return items.map((item) => `${item}\n`).join('');
}
