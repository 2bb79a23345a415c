import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/**
 * Reads from the kernel what limits and identity the first process of a container really has.
 * @param cgroup the path of the container's group. The process has to be in it before the reading and after it: else
 * the pid has been
 *   given to another process meanwhile
 * @returns null where the process has gone
 */
export function readEffective(pid: number, cgroup: string): Effective | null {
  try {
    const belongs = () => cgroup.endsWith(groupOf(pid));
    if (!belongs()) return null;
    const effective = readAll(pid, cgroup);
    return belongs() ? effective : null;
  } catch {
    return null;
  }
}

function readAll(pid: number, cgroup: string): Effective {
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
  const status = read('status');
  return {
    uid_map: read('uid_map').trim().replace(/ +/g, ' '),
    gid_map: read('gid_map').trim().replace(/ +/g, ' '),
    status: Object.fromEntries(STATUS_FIELDS.map((name) => [name, fieldOf(status, name)])),
    namespaces: Object.fromEntries(NAMESPACES.map((name) => [name, readlinkSync(`/proc/${pid}/ns/${name}`)])),
    limits: toLimits(read('limits')),
    oom_score_adj: read('oom_score_adj').trim(),
    cgroup: readFiles(cgroup),
  };
}

/** Gives the group of a process, as a path in the cgroup v2 tree, see cgroups(7). */
function groupOf(pid: number): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .find((text) => text.startsWith('0::'));
  return line?.slice('0::'.length) ?? '\0';
}

/** Gives the text after `name:` at the start of a line of /proc/PID/status. */
function fieldOf(status: string, name: string): string {
  const line = status.indexOf(`\n${name}:`);
  return line < 0 ? '' : status.slice(line + name.length + 2, status.indexOf('\n', line + 1)).trim();
}

function toLimits(text: string): Record<string, string> {
  const matches = text.matchAll(/^(Max .*?) {2,}(\S+ +\S+)/gm);
  return Object.fromEntries(Array.from(matches, ([, name = '', values = '']) => [name, values]));
}

function readFiles(cgroup: string): Record<string, string> {
  // the files of a missing controller do not exist, and a failed open takes long
  const present = new Set(readdirSync(cgroup));
  const names = CGROUP_FILES.filter((name) => present.has(name));
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${cgroup}/${name}`, 'utf8').trim()]));
}
