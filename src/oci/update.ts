import type { OciResources } from '../plan/oci/config.js';
import { refused } from '../plan/oci/refusal.js';
import { checkResources, type Tell } from './check.js';
import { parseExact } from './exact-json.js';

type Read = (text: string, option: string) => unknown;

/** The options of `update`, and the fields of `linux.resources` that they set. */
const OPTIONS: Record<string, readonly [section: keyof OciResources, field: string, read: Read]> = {
  memory: ['memory', 'limit', bytes],
  'memory-reservation': ['memory', 'reservation', bytes],
  'memory-swap': ['memory', 'swap', bytes],
  'kernel-memory': ['memory', 'kernel', bytes],
  'kernel-memory-tcp': ['memory', 'kernelTCP', bytes],
  'cpu-share': ['cpu', 'shares', integer],
  'cpu-shares': ['cpu', 'shares', integer],
  'cpu-quota': ['cpu', 'quota', integer],
  'cpu-period': ['cpu', 'period', integer],
  'cpu-burst': ['cpu', 'burst', integer],
  'cpu-idle': ['cpu', 'idle', integer],
  'cpu-rt-period': ['cpu', 'realtimePeriod', integer],
  'cpu-rt-runtime': ['cpu', 'realtimeRuntime', integer],
  'cpuset-cpus': ['cpu', 'cpus', (text) => text],
  'cpuset-mems': ['cpu', 'mems', (text) => text],
  'pids-limit': ['pids', 'limit', integer],
  'blkio-weight': ['blockIO', 'weight', integer],
};

/** The options of `update` that set a limit. */
export const LIMIT_OPTIONS = Object.keys(OPTIONS);

/**
 * Gives the limits that an update asks for: those of the file of `--resources`, which holds the text of a JSON object,
 * or those of the other options, not both. Pure.
 * @param optionOf gives the value of an option that was given
 * @param tell is told the fields of the file that the OCI does not have
 * @throws NiwaError SPEC_INVALID
 */
export function resourcesOf(optionOf: (option: string) => string | undefined, tell?: Tell): OciResources {
  const text = optionOf('resources');
  const beside = text === undefined ? undefined : LIMIT_OPTIONS.find((option) => (optionOf(option) ?? '') !== '');
  if (beside !== undefined)
    throw refused(`--${beside}`, 'the file of --resources has all limits: leave one of them out');
  if (text !== undefined) return checkResources(parseExact('the file of --resources', text), tell);
  const resources: Record<string, Record<string, unknown>> = {};
  for (const [option, [section, field, read]] of Object.entries(OPTIONS)) {
    const value = optionOf(option);
    if (value !== undefined && value !== '')
      resources[section] = { ...resources[section], [field]: read(value, option) };
  }
  return checkResources(resources);
}

/**
 * Adds what a change leaves out, but a file of cgroup v2 has together with what it names: the quota beside the period,
 * and the memory beside memory and swap. Pure.
 * @param read gives the text of a file of the group; `''` where it is missing
 */
export function completed(change: OciResources, read: (file: string) => string): OciResources {
  const { memory = {}, cpu = {} } = change;
  const whole = { ...change };
  const [quota = '', period = ''] = read('cpu.max').split(' ');
  if (cpu.quota && !cpu.period && period !== '') whole.cpu = { ...cpu, period: Number(period) };
  if (cpu.period && !cpu.quota && /^\d+$/.test(quota)) whole.cpu = { ...cpu, quota: Number(quota) };
  const memoryMax = read('memory.max');
  if (memory.swap && !memory.limit && /^\d+$/.test(memoryMax)) whole.memory = { ...memory, limit: Number(memoryMax) };
  return whole;
}

const UNITS: Record<string, number> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Reads bytes as other runtimes do: `512m`, `1GiB`, `1073741824`, -1 for no limit. */
function bytes(text: string, option: string): number {
  const [, number = '', unit = ''] = /^(-1|\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const value = Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
  if (number === '' || !Number.isSafeInteger(value))
    throw refused(`--${option} ${JSON.stringify(text)}`, 'it has to be bytes such as 512m, or -1');
  return value;
}

function integer(text: string, option: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw refused(`--${option} ${JSON.stringify(text)}`, 'it has to be an integer');
  return Number(text);
}
