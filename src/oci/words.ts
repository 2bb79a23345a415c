import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { messageOf, NiwaError } from '../protocol/errors.js';

/** Errors in the words that engines look for in the log of their runtime. Pure. */

const NO_NAMESPACE = 'the path is no namespace of this type, or not one below those of niwa-oci';
/** Mounts of these types name no source: the only path that can be missing is that which they cover. */
const WITHOUT_SOURCE = /^mount (proc|sysfs|tmpfs|devpts|mqueue|cgroup2?) on /;
const NO_DIRECTORY =
  'no such file or directory: it must be mounted on ordinary directory, and there is a link that leads nowhere';
const NO_SUCH_OPTION = 'Invalid argument: the file system does not know an option, or does not take its value';
/** As the boot program tells it of a hook: 128 and the number of the signal. */
const ENDED_BY_SIGSYS = `exit status ${128 + constants.signals.SIGSYS}`;
/** The operations that fail where the program is missing or cannot be executed. */
const OF_PROGRAM = ['find_program', 'exec'];

/** Writes a name in quotation marks, as Go's %q. */
export const quoted = (name: string): string => JSON.stringify(name);

/**
 * Gives the text of an error for the log. Engines tell by it that a program is missing (their exit status is 127) or
 * may not be executed (126).
 * @param program the first word of process.args
 */
export function wordsOf(error: unknown, program = ''): string {
  const text = messageOf(error);
  const step = error instanceof NiwaError ? error.details.step : undefined;
  if (step === undefined) return text;
  const { operation, errno } = step;
  if (OF_PROGRAM.includes(operation)) return `exec: ${quoted(program)}: ${programWords(program, errno)}`;
  if (operation === 'hook') return `error ${step.text}: error running hook: ${hookWordsOf(errno)}`;
  if (operation === 'setns' && errno === 'EINVAL') return `${text} (${NO_NAMESPACE})`;
  if (operation === 'mount' && errno === 'EINVAL') return `${text} (${NO_SUCH_OPTION})`;
  if (WITHOUT_SOURCE.test(step.text) && errno === 'ENOENT') return `${text} (${NO_DIRECTORY})`;
  return `${text} (${meaningOf(errno)})`;
}

function hookWordsOf(errno: string): string {
  if (errno === 'ETIMEDOUT') return 'it took longer than its timeout';
  return errno === ENDED_BY_SIGSYS
    ? `${errno}, by SIGSYS: bad system call, which a seccomp filter forbids`
    : meaningOf(errno);
}

function programWords(program: string, errno: string): string {
  if (errno !== 'ENOENT') return meaningOf(errno);
  return program.includes('/') ? `stat ${program}: ${meaningOf(errno)}` : 'executable file not found in $PATH';
}

/** The C library's words for an errno: "no such file or directory". Node.js has none for some. */
function meaningOf(errno: string): string {
  if (errno === 'ENOEXEC') return 'exec format error';
  const number = (constants.errno as Record<string, number>)[errno];
  return getSystemErrorMap().get(-(number ?? 0))?.[1] ?? errno;
}
