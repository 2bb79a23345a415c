import { kernel } from '../kernel/addon.js';
import type { Effective } from '../protocol/container.js';

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'];
const STATUS_FIELDS = [
  'CapInh',
  'CapPrm',
  'CapEff',
  'CapBnd',
  'CapAmb',
  'NoNewPrivs',
  'Seccomp',
  'Uid',
  'Gid',
] as const;
const CGROUP_FILES = [
  'cgroup.controllers',
  'cgroup.freeze',
  'cpu.max',
  'cpu.max.burst',
  'cpu.weight',
  'cpuset.cpus',
  'io.max',
  'memory.high',
  'memory.low',
  'memory.max',
  'memory.min',
  'memory.oom.group',
  'memory.swap.max',
  'pids.max',
];

const PROCESS_FILES = ['cgroup', 'status', 'uid_map', 'gid_map', 'limits', 'oom_score_adj'];
const NAMESPACE_LINKS = NAMESPACES.map((name) => `ns/${name}`);

/**
 * Reads from the kernel what limits and identity the first process of a container really has.
 * @param cgroup the path of the container's group. The process has to be in it: else the pid has been given to another
 *   process. All files of the process are read through one descriptor, so they are of the process whose group was read
 * @returns null where the process has gone
 */
export function readEffective(pid: number, cgroup: string): Effective | null {
  const texts = kernel.readings.readFiles(`/proc/${pid}`, PROCESS_FILES, NAMESPACE_LINKS);
  const group = kernel.readings.readFiles(cgroup, CGROUP_FILES);
  if (texts === null || group === null || texts.includes(null)) return null;
  const [own = '', status = '', uidMap = '', gidMap = '', limits = '', score = '', ...links] = texts as string[];
  if (!cgroup.endsWith(groupOf(own))) return null;
  return {
    uid_map: uidMap.trim().replace(/ +/g, ' '),
    gid_map: gidMap.trim().replace(/ +/g, ' '),
    status: record(STATUS_FIELDS, (name) => fieldOf(status, name)),
    namespaces: record(NAMESPACES, (_, i) => links[i] ?? ''),
    limits: toLimits(limits),
    oom_score_adj: score.trim(),
    cgroup: toFiles(group),
  };
}

/**
 * Gives the group of a process, as a path in the cgroup v2 tree, see cgroups(7).
 * @param text of /proc/PID/cgroup
 */
function groupOf(text: string): string {
  const line = text.split('\n').find((one) => one.startsWith('0::'));
  return line?.slice('0::'.length) ?? '\0';
}

function record<K extends string>(names: readonly K[], value: (name: K, i: number) => string): Record<K, string> {
  const values = {} as Record<K, string>;
  for (const [i, name] of names.entries()) values[name] = value(name, i);
  return values;
}

/** Gives the text after `name:` at the start of a line of /proc/PID/status. */
function fieldOf(status: string, name: string): string {
  const line = status.indexOf(`\n${name}:`);
  return line < 0 ? '' : status.slice(line + name.length + 2, status.indexOf('\n', line + 1)).trim();
}

/**
 * Gives the soft and the hard limits by their names. The columns of /proc/PID/limits have fixed places, see
 * proc_pid_limits() in the kernel's fs/proc/base.c: a name of 25 characters, two limits of 20, the unit.
 */
function toLimits(text: string): Record<string, string> {
  const limits: Record<string, string> = {};
  for (let line = text.indexOf('\n') + 1; line > 0 && line < text.length; line = text.indexOf('\n', line) + 1)
    limits[text.slice(line, line + 25).trimEnd()] = text.slice(line + 26, line + 67).trimEnd();
  return limits;
}

/** Gives the files that the group has: those of a missing controller do not exist. */
function toFiles(texts: readonly (string | null)[]): Record<string, string> {
  const present = CGROUP_FILES.filter((_, i) => texts[i] !== null);
  const found = texts.filter((text) => text !== null);
  return record(present, (_, i) => found[i]?.trimEnd() ?? '');
}
