import { show } from './problems.js';

/**
 * The time that libseccomp takes grows exponentially with the rules of one call that have several conditions: fourteen
 * rules of three conditions take 8 s, and each further one half as long again, while niwad does nothing else. Within
 * these bounds it takes some 10 ms for a call, and 100 ms for a filter.
 */
const MOST_NAMES = 10_000;
const MOST_RULES_OF_A_CALL = 64;
const MOST_CONDITIONS_OF_A_CALL = 12;
const MOST_CONDITIONS = 256;

/** A rule of a filter, as far as its size goes. */
interface Rule {
  names?: readonly string[];
  args?: readonly { index?: number | bigint }[];
}

/** What the rules of one call have. */
interface Size {
  /** How many have conditions. */
  rules: number;
  /** The conditions of those that have several. */
  combined: number;
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
    const own = sizeOf(args);
    for (const name of own.rules === 0 ? [] : called) {
      const { rules, combined } = calls.get(name) ?? { rules: 0, combined: 0 };
      const size = { rules: rules + own.rules, combined: combined + own.combined };
      calls.set(name, size);
      const excess = excessOfCall(size, name);
      if (excess !== undefined) return { at: `[${i}]`, ...excess };
    }
  }
  return undefined;
}

/** Conditions on the same argument are rules of their own: any of them has to hold, see compileSeccomp(). */
function sizeOf(args: NonNullable<Rule['args']>): Size {
  const isCombined = args.length > 1 && new Set(args.map(({ index }) => index)).size === args.length;
  return isCombined ? { rules: 1, combined: args.length } : { rules: args.length, combined: 0 };
}

function excessOfCall({ rules, combined }: Size, name: string): Omit<Excess, 'at'> | undefined {
  const ofCall = `of the call ${show(name)}`;
  if (rules > MOST_RULES_OF_A_CALL)
    return { what: `rules ${ofCall} with conditions (args)`, most: MOST_RULES_OF_A_CALL };
  if (combined > MOST_CONDITIONS_OF_A_CALL)
    return { what: `conditions (args) in the rules ${ofCall} that have several`, most: MOST_CONDITIONS_OF_A_CALL };
  return undefined;
}
