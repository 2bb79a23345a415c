import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Skip } from './host.js';

/** A group of the pids controller, be it of cgroup v1 or v2, with one process and whatever that makes in it. */
export interface PidsGroup {
  /** Of cgroup v1, where what a process makes is in its group, or v2, where containers have groups of their own. */
  version: 1 | 2;
  /** Lets it have as many processes and threads as it has now, or any number. */
  bound(on: boolean): void;
  /** Lets the process go back, and removes the group. */
  remove(): void;
}

/** Moves a process into a group of its own, or skips the test where there is no pids controller. */
export function pidsGroupOf(skip: Skip, pid: number): PidsGroup {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const mountOf = (kind: RegExp) => mounts.find((line) => kind.test(line))?.split(' ')[4];
  const v1 = mountOf(/ - cgroup .*\bpids\b/);
  const root = v1 ?? mountOf(/ - cgroup2 /) ?? '';
  const line = v1 === undefined ? /^0::(.*)$/m : /^[0-9]+:pids:(.*)$/m;
  const home = join(root, line.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '');
  const parent = v1 === undefined ? root : home; // in v2 the one that it is in may have none below it
  const controls = v1 !== undefined || readFileSync(join(root, 'cgroup.subtree_control'), 'utf8').includes('pids');
  skip(!controls, 'needs the pids controller');
  const group = join(parent, `niwa-test-pids-${pid}`);
  mkdirSync(group);
  writeFileSync(join(group, 'cgroup.procs'), String(pid));
  return {
    version: v1 === undefined ? 2 : 1,
    bound: (on) => {
      const now = readFileSync(join(group, 'pids.current'), 'utf8').trim();
      writeFileSync(join(group, 'pids.max'), on ? now : 'max');
    },
    remove: () => {
      for (const left of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
        writeFileSync(join(home, 'cgroup.procs'), left);
      rmdirSync(group);
    },
  };
}
