import type { FieldProblem } from '../protocol/errors.js';
import { show } from './problems.js';

/**
 * libseccomp makes a tree of the rules of one call. Where rules have several conditions, its time grows with the
 * product of what each argument is compared with, and where two of them share a comparison that is none for equality,
 * it may never end; niwad does nothing else meanwhile. A value beyond 32 bits is two comparisons. Within these bounds
 * it takes less than 0.1 s for a call, and some tenths of a second for a filter.
 */
const MOST_NAMES = 10_000;
const MOST_RULES_OF_A_CALL = 64;
const MOST_PATHS_OF_A_CALL = 729;
const MOST_PATHS = 5 * MOST_PATHS_OF_A_CALL;
const MOST_CONDITIONS = 256;
const EQUALITIES: readonly (string | undefined)[] = ['SCMP_CMP_EQ', 'SCMP_CMP_MASKED_EQ'];

interface Condition {
  index?: number | bigint;
  value?: number | bigint | string;
  valueTwo?: number | bigint | string;
  op?: string;
}

/** A rule of a filter, as far as its size goes. */
interface Rule {
  names?: readonly string[];
  args?: readonly Condition[];
}

/** What the rules of one call have. */
interface Size {
  /** How many have conditions. */
  rules: number;
  /** Whether one has several conditions, and whether one of these is no equality. */
  isCombined: boolean;
  isUnequal: boolean;
  /** How much each argument is compared, see weightOf(). */
  weights: Map<number | bigint | undefined, number>;
  /** The arguments with what they are compared with, and whether one is there twice. */
  compared: Set<string>;
  isShared: boolean;
}

/** Where a filter is larger than libseccomp can compile in a short time. */
export interface Excess {
  /** The place in the list of rules, such as `[4]`; empty for the whole list. */
  at: string;
  /** What there is too much of. */
  what: string;
  most: number;
}

/** Gives the first excess of the rules of a filter; undefined where libseccomp compiles them in a short time. Pure. */
export function excessOf(syscalls: readonly Rule[]): Excess | undefined {
  const calls = new Map<string, Size>();
  let [names, conditions] = [0, 0];
  for (const [i, { names: called = [], args = [] }] of syscalls.entries()) {
    names += called.length;
    conditions += args.length * called.length;
    if (names > MOST_NAMES) return { at: '', what: 'names of calls', most: MOST_NAMES };
    if (conditions > MOST_CONDITIONS) return { at: '', what: 'conditions (args)', most: MOST_CONDITIONS };
    for (const name of args.length === 0 ? [] : called) {
      const size = calls.get(name) ?? noRules();
      calls.set(name, size);
      addRule(size, args);
      const excess = excessOfCall(size, name);
      if (excess !== undefined) return { at: `[${i}]`, ...excess };
    }
  }
  const paths = [...calls.values()].reduce((sum, size) => sum + pathsOf(size), 0);
  if (paths > MOST_PATHS)
    return {
      at: '',
      what: 'combinations of conditions (args) of all calls, where one rule has several',
      most: MOST_PATHS,
    };
  return undefined;
}

/** Finds where the filter of a spec is larger than libseccomp can compile in a short time: the first place. */
export function excessProblems(syscalls: readonly Rule[]): FieldProblem[] {
  const excess = excessOf(syscalls);
  if (excess === undefined) return [];
  const { at, what, most } = excess;
  return [{ path: `seccomp.syscalls${at}`, found: `more than ${most} ${what}`, allowed: `at most ${most}` }];
}

function noRules(): Size {
  const [weights, compared] = [new Map(), new Set<string>()];
  return { rules: 0, isCombined: false, isUnequal: false, weights, compared, isShared: false };
}

/** Conditions on the same argument are rules of their own: any of them has to hold, see compileSeccomp(). */
function addRule(size: Size, args: readonly Condition[]): void {
  const isCombined = args.length > 1 && new Set(args.map(({ index }) => index)).size === args.length;
  size.rules += isCombined ? 1 : args.length;
  size.isCombined ||= isCombined;
  for (const condition of args) {
    const { index, value, op } = condition;
    const comparison = `${index} ${lowBits(value)}`;
    size.isUnequal ||= isCombined && !EQUALITIES.includes(op);
    size.isShared ||= size.compared.has(comparison);
    size.compared.add(comparison);
    size.weights.set(index, (size.weights.get(index) ?? 0) + weightOf(condition));
  }
}

/** An equality counts once, any other comparison twice, and both twice as much for a value beyond 32 bits. */
function weightOf({ value, valueTwo, op }: Condition): number {
  const isWide = [value, valueTwo].some((one = 0) => Number(one) >= 2 ** 32);
  return (EQUALITIES.includes(op) ? 1 : 2) * (isWide ? 2 : 1);
}

/** How many combinations libseccomp may look at for a call; 0 where no rule has several conditions. */
function pathsOf({ isCombined, weights }: Size): number {
  return isCombined ? [...weights.values()].reduce((product, weight) => product * (1 + weight), 1) : 0;
}

/** A filter of a 32-bit architecture compares these bits alone. */
function lowBits(value: number | bigint | string = 0): number | bigint {
  return typeof value === 'number' ? value % 2 ** 32 : BigInt(value) % 2n ** 32n;
}

function excessOfCall(size: Size, name: string): Omit<Excess, 'at'> | undefined {
  const { rules, isUnequal, isShared } = size;
  const ofCall = `of the call ${show(name)}`;
  if (rules > MOST_RULES_OF_A_CALL)
    return { what: `rules ${ofCall} with conditions (args)`, most: MOST_RULES_OF_A_CALL };
  if (pathsOf(size) > MOST_PATHS_OF_A_CALL)
    return {
      what: `combinations of conditions (args) ${ofCall}, where one rule has several`,
      most: MOST_PATHS_OF_A_CALL,
    };
  if (isUnequal && isShared)
    return {
      what: `use of an index and a value (its low 32 bits) in the conditions (args) ${ofCall}, where a rule of several has another op than SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ`,
      most: 1,
    };
  return undefined;
}
