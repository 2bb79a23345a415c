import type { OciConfig, OciProcess } from '../plan/oci/config.js';
import { capabilityMask, capabilityName } from '../spec/capabilities.js';
import type { Tell } from './check.js';

const ALL = -1n; // each bit is set

/**
 * Gives the capabilities that there are to give to a process of a config, by their numbers as bits: those of the
 * command and of niwad, and in a user namespace all of them, see user_namespaces(7). Pure.
 * @param own those that the command and niwad have
 */
export function grantableIn({ linux }: Pick<OciConfig, 'linux'>, own: bigint): bigint {
  return (linux?.namespaces ?? []).some(({ type }) => type === 'user') ? ALL : own;
}

/**
 * Gives a process without the capabilities that it cannot be given: config.md of the OCI wants a warning then, and no
 * error. Pure.
 * @param process one that was checked
 * @param own the capabilities that there are to give, by their numbers as bits
 */
export function withGrantable(process: OciProcess, own: bigint, tell: Tell): OciProcess {
  const { capabilities } = process;
  if (capabilities === undefined) return process;
  const isOwn = (name: string) => (capabilityMask([capabilityName(name) ?? '']) & own) !== 0n;
  const sets = Object.entries(capabilities);
  const lacking = new Set(sets.flatMap(([, names]) => names.filter((name) => !isOwn(name))));
  if (lacking.size === 0) return process;
  tell([...lacking].map((name) => `process.capabilities "${name}", which niwa-oci or niwad does not have`));
  const granted = sets.map(([set, names]) => [set, names.filter(isOwn)]);
  return { ...process, capabilities: Object.fromEntries(granted) };
}
