import { type Static, Type } from 'typebox';
import type { FieldProblem } from '../errors.js';
import { capabilityName, resolveCapabilities } from './capabilities.js';
import { problemsOf } from './check.js';
import { refuse } from './problems.js';
import { Capabilities, Process, Rlimits } from './schema/process.js';
import { Seccomp } from './schema/seccomp.js';
import { Args } from './schema/values.js';
import { DEFAULT_TERM, meaningProblems, normaliseProcess, normaliseRlimits, type Rlimit, type Spec } from './spec.js';

const closed = { additionalProperties: false } as const;
const cells = (description: string) => Type.Integer({ minimum: 1, maximum: 65_535, description });

/** The size of a terminal in characters. */
export const TerminalSize = Type.Object(
  { rows: cells('a number of rows from 1 to 65535'), columns: cells('a number of columns from 1 to 65535') },
  { ...closed, description: '{"rows", "columns"}' },
);
export type TerminalSize = Static<typeof TerminalSize>;

const { env, cwd, user, tty } = Process.properties;

/** What a client asks for when it wants another process in a container. */
export const ExecSchema = Type.Object(
  {
    args: Args,
    env,
    cwd,
    user,
    tty,
    stdin: Type.Optional(Type.Boolean({ description: 'true or false: whether it reads what the client sends' })),
    size: Type.Optional(TerminalSize),
    capabilities: Type.Optional(Capabilities),
    seccomp: Type.Optional(Seccomp),
    rlimits: Type.Optional(Rlimits),
  },
  closed,
);
export type ExecInput = Static<typeof ExecSchema>;

/** An exec with every default filled in from its container. */
export interface ExecSpec {
  process: Spec['process'];
  stdin: boolean;
  size: TerminalSize | null;
  capabilities: string[];
  seccomp: Spec['seccomp'];
  rlimits: Rlimit[];
}

/**
 * Makes an exec of what a client asks for: what it leaves out is as the container has it. Pure.
 * @param input of any shape
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parseExec(input: unknown, spec: Spec): ExecSpec {
  refuse('the exec', problemsOf(ExecSchema, input));
  const asked = input as ExecInput;
  refuse('the exec', execProblems(asked, spec));
  const rlimits = normaliseRlimits(asked.rlimits ?? {});
  return {
    process: processOf(asked, spec),
    stdin: asked.stdin ?? false,
    size: asked.size ?? null,
    capabilities: resolveCapabilities(
      (asked.capabilities?.add ?? []).map((name) => capabilityName(name) ?? ''),
      (asked.capabilities?.drop ?? []).map((name) => capabilityName(name) ?? ''),
      spec.capabilities,
    ),
    seccomp: asked.seccomp ?? spec.seccomp,
    rlimits: [...spec.rlimits.filter(({ name }) => rlimits.every((given) => given.name !== name)), ...rlimits],
  };
}

/** What would be wrong in the container's own spec is wrong here. */
function execProblems({ args, env = {}, user, capabilities, rlimits }: ExecInput, { userns }: Spec): FieldProblem[] {
  const asSpec = {
    process: { args, env, ...(user === undefined ? {} : { user }) },
    userns,
    ...(capabilities === undefined ? {} : { capabilities }),
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
