import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import type { SeccompRule } from '../kernel/host.js';
import { NiwaError } from '../protocol/errors.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import { excessProblems } from '../spec/filter-size.js';
import { requireNoProblems } from '../spec/problems.js';
import { decode, encode, type Instruction } from './bpf.js';
import { asTree } from './seccomp-tree.js';

type Action = SeccompProfileInput['defaultAction'];

/** SECCOMP_RET_* of seccomp(2). Only the config of an engine asks an agent (NOTIFY). */
const RETURNS: Record<Action, number> = {
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_TRACE: 0x7ff00000,
};

/** The 32-bit variants of machines. */
const NARROW = ['SCMP_ARCH_X86', 'SCMP_ARCH_ARM'];

const compiled = new Map<string, readonly bigint[]>();
/**
 * Compiled profiles by object. The default profile is always one object, so it is not hashed: that takes longer than
 * the rest of a plan.
 */
const compiledObjects = new WeakMap<SeccompProfileInput, readonly bigint[]>();
const MAX_CACHED = 100;

/**
 * Compiles a profile to instructions (struct sock_filter, each as one number). The same profile is compiled only once.
 * @throws NiwaError SPEC_INVALID where libseccomp refuses the profile, or would compile it for a long time: an earlier
 *   niwad may have taken it
 */
export function compileSeccomp(profile: SeccompProfileInput): readonly bigint[] {
  const instructions = compiledObjects.get(profile) ?? compileText(profile);
  compiledObjects.set(profile, instructions);
  return instructions;
}

function compileText(profile: SeccompProfileInput): readonly bigint[] {
  const key = createHash('sha256').update(JSON.stringify(profile)).digest('hex');
  const known = compiled.get(key);
  if (known !== undefined) return known;
  requireNoProblems('the seccomp profile', excessProblems(profile.syscalls ?? []));
  const instructions = compile(profile);
  const [oldest] = compiled.size >= MAX_CACHED ? compiled.keys() : [];
  if (oldest !== undefined) compiled.delete(oldest);
  compiled.set(key, instructions);
  return instructions;
}

function compile(profile: SeccompProfileInput): readonly bigint[] {
  return asTree(compileByLibseccomp(profile)).map(encode);
}

/**
 * Compiles a profile as libseccomp does, to a program that is longer than need be: see {@link asTree}.
 * @throws NiwaError SPEC_INVALID where libseccomp refuses the profile
 */
export function compileByLibseccomp({
  defaultAction,
  defaultErrnoRet,
  architectures = [],
  syscalls = [],
}: SeccompProfileInput): Instruction[] {
  const rules = syscalls.flatMap(({ names, action, errnoRet, args = [] }) =>
    alternativesOf(args).flatMap((alternative) =>
      names.map(
        (name): SeccompRule => ({
          name,
          action: actionNumber(action, errnoRet),
          args: alternative.map(({ index, op, value, valueTwo = 0 }) => ({
            index,
            op,
            value: BigInt(value),
            valueTwo: BigInt(valueTwo),
          })),
        }),
      ),
    ),
  );
  try {
    const program = kernel.host.compileSeccomp(
      actionNumber(defaultAction, defaultErrnoRet),
      rules,
      architectures.some((name) => NARROW.includes(name)),
    );
    return [...new BigUint64Array(program.slice().buffer)].map(decode);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    throw new NiwaError('SPEC_INVALID', `libseccomp refuses the seccomp profile: ${error.errno}`, { cause: error });
  }
}

type Condition = NonNullable<NonNullable<SeccompProfileInput['syscalls']>[number]['args']>[number];

/**
 * A rule holds where all its conditions do. libseccomp takes one condition for an argument; where a rule has several,
 * profiles mean any of its conditions, as other runtimes read them.
 */
function alternativesOf(conditions: readonly Condition[]): Condition[][] {
  const indexes = new Set(conditions.map(({ index }) => index));
  return indexes.size === conditions.length ? [[...conditions]] : conditions.map((condition) => [condition]);
}

function actionNumber(action: Action, errno: number = constants.errno.EPERM): number {
  return action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE' ? RETURNS[action] + errno : RETURNS[action];
}
