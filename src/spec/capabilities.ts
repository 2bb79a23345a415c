import { type FieldProblem, NiwaError } from '../protocol/errors.js';
import { CAPABILITY_WORDS } from '../protocol/spec/process.js';
import type { SpecInput } from '../protocol/spec.js';
import { show } from './problems.js';

/** The capabilities of capabilities(7), without CAP_. The index of a name is the number of the capability. */
export const CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
];

/**
 * The capabilities of a workload whose spec names none: enough to serve on a low port, and to change to another user.
 */
const DEFAULT = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

/**
 * Gives the name of a capability as in the kernel, without CAP_; "ALL" for ALL; undefined where there is no such
 * capability.
 */
export function capabilityName(input: string): string | undefined {
  const name = input.toUpperCase().replace(/^CAP_/, '');
  return name === 'ALL' || CAPABILITIES.includes(name) ? name : undefined;
}

function knownCapability(input: string): string {
  const name = capabilityName(input);
  if (name === undefined)
    throw new NiwaError('SPEC_INVALID', `a capability: found ${show(input)}; allowed: ${CAPABILITY_WORDS}`);
  return name;
}

/**
 * Gives a set of capabilities: `base`, without those of `drop`, then with those of `add`, in the kernel's order.
 * @param change names in the forms that capabilityName() takes; "ALL" means every capability
 * @throws NiwaError SPEC_INVALID where a name names no capability
 */
export function resolveCapabilities(
  change: { add?: string[]; drop?: string[] } = {},
  base: readonly string[] = DEFAULT,
): string[] {
  const add = (change.add ?? []).map(knownCapability);
  const drop = (change.drop ?? []).map(knownCapability);
  const set = new Set(drop.includes('ALL') ? [] : base.filter((name) => !drop.includes(name)));
  for (const name of add.includes('ALL') ? CAPABILITIES : add) set.add(name);
  return CAPABILITIES.filter((name) => set.has(name));
}

/** Gives the shortest change of the default that makes this set: the inverse of resolveCapabilities(). */
export function changeOfCapabilities(names: readonly string[]): { add?: string[]; drop?: string[] } {
  if (names.length === CAPABILITIES.length) return { add: ['ALL'] };
  const add = names.filter((name) => !DEFAULT.includes(name));
  const drop = DEFAULT.filter((name) => !names.includes(name));
  return { ...(add.length > 0 ? { add } : {}), ...(drop.length > 0 ? { drop } : {}) };
}

/** Gives the bit mask of some capabilities, in the form of CapEff in /proc/PID/status. */
export function capabilityMask(names: string[]): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(CAPABILITIES.indexOf(name))), 0n);
}

/** Finds names in a spec that name no capability. */
export function* capabilityProblems({ capabilities = {} }: SpecInput): Iterable<FieldProblem> {
  for (const list of ['add', 'drop'] as const)
    for (const [i, name] of (capabilities[list] ?? []).entries())
      if (capabilityName(name) === undefined)
        yield {
          path: `capabilities.${list}[${i}]`,
          found: show(name),
          allowed: CAPABILITY_WORDS,
        };
}
