import type { FieldProblem } from '../protocol/errors.js';
import type { Rlimit, Spec } from '../protocol/resolved-spec.js';
import { ARGS_WORDS } from '../protocol/spec/values.js';
import type { SpecInput } from '../protocol/spec.js';
import { bytesOf, MAX_ARGS_BYTES, MAX_ENV_BYTES, MAX_LABEL_BYTES } from './bounds.js';
import { LAST_ID } from './ids.js';
import { show } from './problems.js';

/** The process of a container: the problems that a schema cannot find, and the defaults. Pure. */

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** The TERM of a process with a terminal, where neither spec nor image has one: every root knows this name. */
export const DEFAULT_TERM = 'xterm';

/** Finds the problems of the process that a schema cannot find. */
export function* processProblems({ process = {}, root = {} }: SpecInput): Iterable<FieldProblem> {
  const ids = String(process.user ?? 0)
    .split(':')
    .map(Number);
  if (ids.some((id) => id > LAST_ID))
    yield { path: 'process.user', found: show(process.user), allowed: `numeric ids up to ${LAST_ID}` };
  if (process.args === undefined) yield { path: 'process.args', found: 'nothing', allowed: ARGS_WORDS };
  if (process.entrypoint !== undefined && root.image === undefined)
    yield { path: 'process.entrypoint', found: show(process.entrypoint), allowed: 'nothing without root.image' };
  if (root.image !== undefined && root.overlay === false)
    yield {
      path: 'root.overlay',
      found: 'false',
      allowed: 'true, or its size: containers share the layers of an image',
    };
  if (process.stdin === true && process.tty === true)
    yield {
      path: 'process.stdin',
      found: 'true',
      allowed: 'false with process.tty: the terminal is its standard input',
    };
  if (process.args?.[0] === '')
    yield { path: 'process.args[0]', found: '""', allowed: 'the name or path of a program' };
}

/**
 * Limits arguments, environment and labels as a whole: niwad keeps them in memory for each container, and sends them in
 * many answers.
 */
export function* sizeProblems({
  process: { args = [], env = {} } = {},
  labels = {},
}: SpecInput): Iterable<FieldProblem> {
  const parts = [
    { path: 'process.args', bytes: Buffer.byteLength(args.join('')), most: MAX_ARGS_BYTES },
    { path: 'process.env', bytes: bytesOf(env), most: MAX_ENV_BYTES },
    { path: 'labels', bytes: bytesOf(labels), most: MAX_LABEL_BYTES },
  ];
  for (const { path, bytes, most } of parts)
    if (bytes > most) yield { path, found: `${bytes} bytes`, allowed: `at most ${most} bytes altogether` };
}

/** Finds soft limits that are above their hard limit. */
export function* rlimitProblems({ rlimits = {} }: SpecInput): Iterable<FieldProblem> {
  for (const { name, soft, hard } of normaliseRlimits(rlimits))
    if (limitValue(soft) > limitValue(hard))
      yield { path: `rlimits.${name}.soft`, found: show(soft), allowed: `at most the hard limit ${hard}` };
}

/** Fills in the defaults of a process. */
export function normaliseProcess(input: NonNullable<SpecInput['process']>): Spec['process'] {
  const written = String(input.user ?? 0);
  const user = /[^0-9:]/.test(written) ? written : null;
  const [uid = 0, gid = uid] = user === null ? written.split(':').map(Number) : [];
  const [name = '', group] = written.split(':');
  return {
    args: input.args ?? [],
    env: { ...defaultEnv(input.tty ?? false), ...input.env },
    cwd: input.cwd ?? '/',
    user,
    uid,
    gid,
    account: { name: /[^0-9]/.test(name) ? name : '', groups: !group },
    umask: Number.parseInt(input.umask ?? '0022', 8),
    tty: input.tty ?? false,
    stdin: input.stdin ?? false,
  };
}

/** Gives the variables that each process has, unless its spec has them. @param tty whether it has a terminal */
export function defaultEnv(tty: boolean): Record<string, string> {
  return { PATH: DEFAULT_PATH, ...(tty ? { TERM: DEFAULT_TERM } : {}) };
}

/** Gives each limit as a soft and a hard limit. */
export function normaliseRlimits(input: NonNullable<SpecInput['rlimits']>): Rlimit[] {
  return Object.entries(input).map(([name, value]) =>
    typeof value === 'object' ? { name, ...value } : { name, soft: value, hard: value },
  );
}

function limitValue(limit: number | 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit;
}
