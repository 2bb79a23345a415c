import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { lookAtCgroupTree } from '../../../src/host/cgroup.js';
import type { Place } from './niwad.js';

/**
 * Waits until it is alone in its group, and becomes systemd with mounts of its own and the units of a folder. In the
 * virtual machine the files of tests are on a disk in /run.
 */
const BOOT = `
  set -e
  until [ -e "$1/alone" ]; do sleep 0.1; done
  mount -t proc proc /proc
  mkdir "$1/own-run"
  mount -t tmpfs tmpfs "$1/own-run"
  if [ -n "$NIWA_VM_DISK" ]; then
    mkdir -p "$1/own-run$\{NIWA_VM_DISK#/run}"
    mount --bind "$NIWA_VM_DISK" "$1/own-run$\{NIWA_VM_DISK#/run}"
  fi
  mount --no-mtab --move "$1/own-run" /run
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p /run/systemd
  cp -r "$1/units" /run/systemd/system
  export container=niwa-test
  exec /lib/systemd/systemd --system --unit=empty.target --show-status=0`;

/** A systemd that is PID 1 of its own namespaces, in the group of a place. */
export class Systemd {
  readonly pid: number;
  /** Begins each command there, in a group that systemd may move processes from, as one of its services is. */
  readonly launcher: string[];
  readonly #ended: Promise<unknown>;

  private constructor(pid: number, beside: string, ended: Promise<unknown>) {
    // with nsdelegate no process comes into a group of a namespace from outside: see cgroups(7)
    const enter = ['sh', '-c', `echo $$ >${beside}/cgroup.procs && exec "$@"`, 'sh'];
    this.pid = pid;
    this.launcher = [...enter, 'nsenter', `--target=${pid}`, '--mount', '--pid', '--cgroup'];
    this.#ended = ended;
  }

  /**
   * Boots nothing but an empty target.
   * @param units the units that it shall know, by path below its unit folder
   */
  static async boot(place: Place, units: Record<string, string>): Promise<Systemd> {
    const { base, mount } = lookAtCgroupTree(place.cgroup);
    const beside = join(base, 'beside'); // a group that is none of its units
    mkdirSync(beside, { recursive: true });
    const known = { ...units, 'empty.target': '[Unit]\nDefaultDependencies=no\n' };
    for (const [name, text] of Object.entries(known)) {
      mkdirSync(join(place.directory, 'units', name, '..'), { recursive: true });
      writeFileSync(join(place.directory, 'units', name), text);
    }
    const enter = `echo $$ >${base}/cgroup.procs; exec unshare --mount --pid --cgroup --fork sh -c "$0" sh "$1"`;
    const unshare = execa('sh', ['-c', enter, BOOT, place.directory], { reject: false, all: true });
    const pid = await childOf(unshare.pid ?? 0);
    writeFileSync(join(mount, ownGroup(), 'cgroup.procs'), String(unshare.pid)); // out of the way of the controllers
    writeFileSync(join(place.directory, 'alone'), '');
    const systemd = new Systemd(pid, beside, unshare);
    while (!(await systemd.run('systemctl', 'is-active', 'empty.target')).startsWith('active'))
      await new Promise((resolve) => setTimeout(resolve, 200));
    return systemd;
  }

  /** Runs a command in its namespaces; gives what it says. */
  async run(...command: string[]): Promise<string> {
    const [program = '', ...words] = [...this.launcher, ...command];
    const { all } = await execa(program, words, { reject: false, all: true });
    return all;
  }

  /** Gives properties of a unit. */
  async show(unit: string, ...names: string[]): Promise<Record<string, string>> {
    const text = await this.run('systemctl', 'show', unit, ...names.map((name) => `--property=${name}`));
    return Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  }

  /** Where a file of its namespaces is for us. */
  path(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** Ends it with everything in it. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.#ended;
  }
}

function ownGroup(): string {
  return /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
}

async function childOf(pid: number): Promise<number> {
  for (;;) {
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (child !== '') return Number(child);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
