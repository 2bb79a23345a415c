import type { FieldProblem } from '../protocol/errors.js';
import { type ExecInput, ExecSchema, type TerminalSize } from '../protocol/exec.js';
import type { Rlimit, Spec } from '../protocol/resolved-spec.js';
import { resolveCapabilities } from './capabilities.js';
import { parseAs } from './check.js';
import { requireNoProblems } from './problems.js';
import { DEFAULT_TERM, normaliseProcess, normaliseRlimits } from './process.js';
import { meaningProblems } from './spec.js';

/** An exec; the fields that the client left out have the values of the container. */
export interface ExecSpec {
  process: Spec['process'];
  stdin: boolean;
  size: TerminalSize | null;
  capabilities: string[];
  seccomp: Spec['seccomp'];
  rlimits: Rlimit[];
}

/**
 * Makes an exec of a client's request. A field that the request leaves out gets the value of the container. Pure.
 * @param input of any shape
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parseExec(input: unknown, spec: Spec): ExecSpec {
  const asked = parseAs('the exec', ExecSchema, input);
  requireNoProblems('the exec', [...detachProblems(asked), ...execProblems(asked, spec)]);
  const rlimits = normaliseRlimits(asked.rlimits ?? {});
  return {
    process: processOf(asked, spec),
    stdin: asked.stdin ?? false,
    size: asked.size ?? null,
    capabilities: resolveCapabilities(asked.capabilities, spec.capabilities),
    seccomp: asked.seccomp ?? spec.seccomp,
    rlimits: [...spec.rlimits.filter(({ name }) => rlimits.every((given) => given.name !== name)), ...rlimits],
  };
}

/** The capabilities by which root reads and writes the files of others. */
const OF_FILES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'];

/**
 * Makes an exec of a program of niwa that works on files as the root of a container. It has no capability that the
 * container has not. Pure.
 */
export function parseRootExec(args: string[], spec: Spec): ExecSpec {
  const asked = parseExec({ args, user: '0:0', cwd: '/', stdin: true }, spec);
  return { ...asked, capabilities: spec.capabilities.filter((name) => OF_FILES.includes(name)) };
}

/** A detached exec has no client that could write to it. */
function detachProblems(asked: ExecInput): FieldProblem[] {
  const allowed = 'false with "detach", since a detached exec has no input and no terminal';
  const excluded = (['tty', 'stdin'] as const).filter((field) => asked.detach === true && asked[field] === true);
  return excluded.map((path) => ({ path, found: 'true', allowed }));
}

/** Finds in an exec the problems that the same fields would have in the container's own spec. */
function execProblems(
  { args, env = {}, user, capabilities, seccomp, rlimits }: ExecInput,
  { userns }: Spec,
): FieldProblem[] {
  const asSpec = {
    process: { args, env, ...(user === undefined ? {} : { user }) },
    userns,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(rlimits === undefined ? {} : { rlimits }),
  };
  return meaningProblems(asSpec).map((problem) => ({ ...problem, path: problem.path.replace(/^process\./, '') }));
}

function processOf({ args, env, cwd, user, tty = false }: ExecInput, { process }: Spec): Spec['process'] {
  const identity = user === undefined ? process : normaliseProcess({ args, user });
  const { uid, gid, user: name, account } = identity;
  const term = tty ? { TERM: DEFAULT_TERM } : {};
  return {
    ...process,
    args,
    env: { ...term, ...process.env, ...env },
    cwd: cwd ?? process.cwd,
    uid,
    gid,
    account,
    user: name,
    tty,
  };
}
