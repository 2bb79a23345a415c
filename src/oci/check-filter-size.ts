import type { OciSeccomp } from '../plan/oci/config.js';
import { refused } from '../plan/oci/refusal.js';

/**
 * The time that libseccomp takes grows exponentially with the rules of one call that have several conditions: twelve
 * rules of three conditions take hours, and niwad would do nothing else. Within these bounds it takes some 10 ms for a
 * call, and 100 ms for a filter.
 */
const MOST_NAMES = 10_000;
const MOST_RULES_OF_A_CALL = 64;
const MOST_CONDITIONS_OF_A_CALL = 12;
const MOST_CONDITIONS = 256;

type Conditions = NonNullable<NonNullable<OciSeccomp['syscalls']>[number]['args']>;

/** What the rules of one call have. */
interface Size {
  /** How many have conditions. */
  rules: number;
  /** The conditions of those that have several. */
  combined: number;
}

/**
 * Refuses a filter that libseccomp could not compile in a short time. Pure.
 * @throws NiwaError SPEC_INVALID
 */
export function checkFilterSize({ syscalls = [] }: OciSeccomp): void {
  const place = 'linux.seccomp.syscalls';
  const calls = new Map<string, Size>();
  let [names, conditions] = [0, 0];
  for (const [i, { names: called = [], args = [] }] of syscalls.entries()) {
    names += called.length;
    if (names > MOST_NAMES) throw refused(place, `they name more than ${MOST_NAMES} calls`);
    const own = sizeOf(args);
    conditions += args.length * called.length;
    if (conditions > MOST_CONDITIONS) throw refused(place, `they have more than ${MOST_CONDITIONS} conditions (args)`);
    for (const name of own.rules === 0 ? [] : called) {
      const { rules, combined } = calls.get(name) ?? { rules: 0, combined: 0 };
      const size = { rules: rules + own.rules, combined: combined + own.combined };
      calls.set(name, size);
      requireSmall(size, `${place}[${i}] "${name}"`);
    }
  }
}

/** Conditions on the same argument are rules of their own: any of them has to hold, see compileSeccomp(). */
function sizeOf(args: Conditions): Size {
  const isCombined = args.length > 1 && new Set(args.map(({ index }) => index)).size === args.length;
  return isCombined ? { rules: 1, combined: args.length } : { rules: args.length, combined: 0 };
}

function requireSmall({ rules, combined }: Size, field: string): void {
  if (rules > MOST_RULES_OF_A_CALL)
    throw refused(field, `more than ${MOST_RULES_OF_A_CALL} rules of one call have conditions (args)`);
  if (combined > MOST_CONDITIONS_OF_A_CALL)
    throw refused(
      field,
      `the rules of one call that have several conditions (args) have more than ${MOST_CONDITIONS_OF_A_CALL} together`,
    );
}
