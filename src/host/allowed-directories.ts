import { execFile } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../errors.js';
import type { Check } from '../protocol/host.js';

/**
 * What is wrong with the directories that callers other than root may have in containers. Walks through all that is in them, by
 * programs of the host: it is for a command, never for niwad itself.
 */

const SHOWN = 20;
const MAX_LISTED_BYTES = 1024 * 1024;
/** For each program and directory. */
const WALK_TIMEOUT_MS = 60_000;
const EXECUTE_BY_OTHERS = 0o001;
const WRITE_BY_OTHERS = 0o002;

/** What a walk has found: `whole` says whether it went through all. */
interface Walk {
  found: string[];
  whole: boolean;
}

/** Looks at each directory, for at most two minutes each. Root sees all of them. */
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

/** The mode of a directory, and of those above it. */
function modesOfWay(path: string): number[] {
  const own = statSync(path).mode;
  return path === '/' ? [own] : [own, ...modesOfWay(dirname(path))];
}

/**
 * What users of the host who are neither owner nor in the group may do with a directory; null for nothing. Pure.
 * @param modes its own, then those of the directories above it
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

/** Capabilities of another root than the host's (`[rootid=...]`) are of no use on the host. */
async function filesWithCapabilities(directory: string): Promise<Walk> {
  const { found, whole } = await walk('getcap', ['-n', '-r', directory], '\n');
  return { found: found.filter((line) => !/\[rootid=[1-9]\d*\]$/.test(line)), whole };
}

/** A walk that ends before its end has found something all the same. */
function walk(program: string, args: string[], separator: string): Promise<Walk> {
  const options = { timeout: WALK_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_LISTED_BYTES } as const;
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout) => {
      resolve({ found: stdout.split(separator).filter((text) => text !== ''), whole: error === null });
    });
  });
}
