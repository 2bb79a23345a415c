import type { Check } from '../../protocol/host.js';
import { capabilityMask } from '../../spec/capabilities.js';

/** What checks are made of, and what several of them ask. Pure. */

/** What a check says of this host. */
export type Verdict = Pick<Check, 'status' | 'found' | 'cure'>;

/** All is there. */
export const ok = (found: string): Verdict => ({ status: 'ok', found, cure: null });
/** niwad runs, but something will not work. */
export const warning = (found: string, cure: string): Verdict => ({ status: 'warning', found, cure });
/** niwad cannot run. */
export const missing = (found: string, cure: string): Verdict => ({ status: 'missing', found, cure });

/** Makes the check of something without which niwad cannot run. */
export function required(name: string, meaning: string, { status, found, cure }: Verdict): Check {
  return { name, status, required: true, found, meaning, cure };
}

/** Makes the check of something without which niwad does run. */
export function optional(name: string, meaning: string, { status, found, cure }: Verdict): Check {
  return { name, status, required: false, found, meaning, cure };
}

/** Whether a release such as "6.1.0-13-amd64" is of this version or a newer one. */
export function isKernelFrom(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, foundMajor = 0, foundMinor = 0] = (/^(\d+)\.(\d+)/.exec(release) ?? []).map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

/** Whether a capability is in a mask of hexadecimal digits, as /proc/PID/status has it. */
export function hasCapability(mask: string, name: string): boolean {
  return (BigInt(`0x${mask}`) & capabilityMask([name])) !== 0n;
}

/** Gives the words of each `name=a,b` on the kernel command line. */
export function bootList(commandLine: string, name: string): string[] {
  const prefix = `${name}=`;
  const parameters = commandLine.split(' ').filter((word) => word.startsWith(prefix));
  return parameters.flatMap((word) => word.slice(prefix.length).split(','));
}

/** Reads a limit of /proc/self/limits; where the kernel told none, there is none. */
export function limitNumber(limit = 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

/** The cure that sets a sysctl now and at each boot. */
export function sysctlCure(name: string, value: number): string {
  return `\`sysctl -w ${name}=${value}\`, and the line \`${name} = ${value}\` in /etc/sysctl.d/90-niwa.conf.`;
}
