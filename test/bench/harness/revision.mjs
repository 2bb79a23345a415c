// @ts-check
// Another revision of this project, built in a folder of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {{ commit: string, subject: string, folder: string, remove: () => void }} Revision */

/**
 * Builds a revision in a temporary worktree. Its npm packages are hard links to those of this project where both have
 * the same package-lock.json, and installed afresh otherwise.
 * @param {string} project the folder of this project
 * @param {string} name of a commit, as git takes it
 * @returns {Revision} `subject` is the first line of its message; `remove` takes the worktree away
 * @throws {Error} where there is no such revision, or it cannot be built; nothing is left then
 */
export function buildRevision(project, name) {
  const commit = output(project, ['git', 'rev-parse', '--verify', '--short', `${name}^{commit}`]);
  const subject = output(project, ['git', 'log', '-1', '--format=%s', commit]);
  const parent = mkdtempSync(join(tmpdir(), 'niwa-against-'));
  const folder = join(parent, commit);
  const remove = () => {
    spawnSync('git', ['-C', project, 'worktree', 'remove', '--force', folder]);
    rmSync(parent, { recursive: true, force: true });
  };
  try {
    output(project, ['git', 'worktree', 'add', '--quiet', '--detach', folder, commit]);
    install(project, folder);
    output(folder, ['npm', 'run', '--silent', 'build']);
  } catch (error) {
    remove();
    throw error;
  }
  return { commit, subject, folder, remove };
}

/** @param {string} project @param {string} folder */
function install(project, folder) {
  const lockOf = (/** @type {string} */ where) => readFileSync(join(where, 'package-lock.json'), 'utf8');
  if (lockOf(project) !== lockOf(folder)) {
    output(folder, ['npm', 'ci', '--silent', '--ignore-scripts']);
    return;
  }
  const [from, to] = [join(project, 'node_modules'), join(folder, 'node_modules')];
  // Links end at the edge of a file system: a copy there.
  if (spawnSync('cp', ['-al', from, to]).status === 0) return;
  rmSync(to, { recursive: true, force: true });
  output(folder, ['cp', '-a', from, to]);
}

/**
 * Runs a program to its end.
 * @param {string} cwd
 * @param {string[]} command
 * @returns {string} what it wrote to standard output
 * @throws {Error} with what it said, where it fails
 */
function output(cwd, [program = '', ...args]) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed in ${cwd}: ${error ?? `${stdout}${stderr}`}`);
  return stdout.trim();
}
