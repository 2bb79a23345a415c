import { execFile } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../protocol/errors.js';
import type { Check } from '../protocol/host.js';

/**
 * Checks the directories that callers other than root may have in their containers (setting of niwad). The check walks
 * through all files in them, with programs of the host, and may take minutes. So a command of the CLI does this, never
 * niwad itself.
 */

const SHOWN = 20;
const MAX_LISTED_BYTES = 1024 * 1024;
/** The longest time that one program may walk through one directory. */
const WALK_TIMEOUT_MS = 60_000;
const EXECUTE_BY_OTHERS = 0o001;
const WRITE_BY_OTHERS = 0o002;

/** The result of a walk. `whole` is false where the walk was ended before it had seen all files. */
interface Walk {
  found: string[];
  whole: boolean;
}

/**
 * Checks each directory; this takes at most two minutes for each. Has to run as root, since root can read all
 * directories.
 */
export async function checkAllowedDirectories(directories: readonly string[]): Promise<Check[]> {
  const checks: Check[] = [];
  for (const directory of new Set(directories)) checks.push(checkWay(directory), await checkPrograms(directory));
  return checks;
}

function checkWay(directory: string): Check {
  const check = {
    name: `way to ${directory}`,
    required: false,
    meaning:
      'Callers write to it by their containers. Whoever can reach what they write can execute it with its owner as the user (setuid).',
  };
  try {
    const found = strangersMay(modesOfWay(realpathSync(directory)));
    if (found === null) return { ...check, status: 'ok', found: 'closed to others', cure: null };
    const cure = `\`chmod o-rwx ${directory}\`, or of a directory above it; with a group that its users are in, mode 0750.`;
    return { ...check, status: 'warning', found, cure };
  } catch (error) {
    return { ...check, status: 'warning', found: messageOf(error), cure: 'Make it, or take it out of "allow".' };
  }
}

/** Gives the mode of a directory, then the modes of the directories above it. */
function modesOfWay(path: string): number[] {
  const own = statSync(path).mode;
  return path === '/' ? [own] : [own, ...modesOfWay(dirname(path))];
}

/**
 * Says what users of the host may do in a directory who are neither its owner nor in its group; null where they may do
 * nothing. Pure.
 * @param modes the mode of the directory, then the modes of the directories above it
 */
export function strangersMay(modes: readonly number[]): string | null {
  const [own = 0, ...above] = modes;
  if (above.some((mode) => (mode & EXECUTE_BY_OTHERS) === 0)) return null;
  if ((own & EXECUTE_BY_OTHERS) === 0) return null;
  return (own & WRITE_BY_OTHERS) === 0
    ? 'everybody on this host can reach it'
    : 'everybody on this host can write to it';
}

async function checkPrograms(directory: string): Promise<Check> {
  const [bits, capable] = await Promise.all([setuidPrograms(directory), filesWithCapabilities(directory)]);
  const found = [...bits.found, ...capable.found];
  const shown = found.slice(0, SHOWN).join(', ') + (found.length > SHOWN ? ` and ${found.length - SHOWN} more` : '');
  const unseen = bits.whole && capable.whole ? '' : 'not all could be looked at';
  const all = [shown, unseen].filter((text) => text !== '').join('; ');
  return {
    name: `programs in ${directory}`,
    status: all === '' ? 'ok' : 'warning',
    required: false,
    found: all === '' ? 'none with rights of root' : all,
    meaning:
      'Programs that give whoever executes them rights of root: setuid or setgid of root, or capabilities. Earlier versions of niwa let the containers of every caller write them.',
    cure: all === '' ? null : cureOf(found.length > 0, capable.whole),
  };
}

function cureOf(some: boolean, lookedForCapabilities: boolean): string {
  if (some) return 'Where you did not put them there: `chmod ug-s`, `setcap -r`, or remove them.';
  return lookedForCapabilities ? 'Run it as root.' : 'Run it as root, with getcap installed (package libcap2-bin).';
}

async function setuidPrograms(directory: string): Promise<Walk> {
  const ofRoot = ['(', '-uid', '0', '-perm', '-4000', '-o', '-gid', '0', '-perm', '-2010', ')'];
  return walk('find', [directory, '-type', 'f', ...ofRoot, '-print0'], '\0');
}

/**
 * Finds files with capabilities. Those with `[rootid=...]` are left out: they count in another user namespace, not on
 * the host.
 */
async function filesWithCapabilities(directory: string): Promise<Walk> {
  const { found, whole } = await walk('getcap', ['-n', '-r', directory], '\n');
  return { found: found.filter((line) => !/\[rootid=[1-9]\d*\]$/.test(line)), whole };
}

/** Runs a program that lists files. Where the program is stopped before its end, the files listed so far are given. */
function walk(program: string, args: string[], separator: string): Promise<Walk> {
  const options = { timeout: WALK_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_LISTED_BYTES } as const;
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout) => {
      resolve({ found: stdout.split(separator).filter((text) => text !== ''), whole: error === null });
    });
  });
}
