import type { Check } from '../../protocol/host.js';
import { capabilityMask } from '../../spec/capabilities.js';

/** Makes the results of checks, and answers questions that several checks ask. Pure. */

/** The result of a check on this host. */
export type Verdict = Pick<Check, 'status' | 'found' | 'cure'>;

/** The host has what was checked. */
export const ok = (found: string): Verdict => ({ status: 'ok', found, cure: null });
/** niwad can run, but something will not work. */
export const warning = (found: string, cure: string): Verdict => ({ status: 'warning', found, cure });
/** niwad cannot run. */
export const missing = (found: string, cure: string): Verdict => ({ status: 'missing', found, cure });

/** Makes a check for something without which niwad cannot run. */
export function required(name: string, meaning: string, { status, found, cure }: Verdict): Check {
  return { name, status, required: true, found, meaning, cure };
}

/** Makes a check for something without which niwad can run. */
export function optional(name: string, meaning: string, { status, found, cure }: Verdict): Check {
  return { name, status, required: false, found, meaning, cure };
}

/** Says whether a mask in hexadecimal digits, as in /proc/PID/status, contains a capability. */
export function hasCapability(mask: string, name: string): boolean {
  return (BigInt(`0x${mask}`) & capabilityMask([name])) !== 0n;
}

/** Gives the words of all `name=a,b` on the kernel command line. */
export function bootList(commandLine: string, name: string): string[] {
  const prefix = `${name}=`;
  const parameters = commandLine.split(' ').filter((word) => word.startsWith(prefix));
  return parameters.flatMap((word) => word.slice(prefix.length).split(','));
}

/** Reads a limit of /proc/self/limits; gives infinity for "unlimited", and where the kernel shows no such limit. */
export function limitNumber(limit = 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

/** Writes the cure that sets a sysctl now and at each boot. */
export function sysctlCure(name: string, value: number): string {
  return `\`sysctl -w ${name}=${value}\`, and the line \`${name} = ${value}\` in /etc/sysctl.d/90-niwa.conf.`;
}
