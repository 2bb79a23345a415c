import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Removes a directory with all in it. Names in it may be any bytes, and it may be of any depth, so `rm` does it. Throws
 * the errors of `rm`.
 */
export async function removeTree(path: string): Promise<void> {
  await run('rm', ['-rf', '--one-file-system', '--', path]);
}

/**
 * Removes all groups below a cgroup that has no processes. A container has made them: there may be thousands, of any
 * depth, and their names may be any bytes, so `find` does it. Throws the errors of `find`.
 */
export async function removeGroupsBelow(path: string): Promise<void> {
  await run('find', [path, '-mindepth', '1', '-type', 'd', '-delete']);
}
