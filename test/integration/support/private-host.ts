import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { execa } from 'execa';
import { lookAtCgroupTree } from '../../../src/host/cgroup.js';

/** Where engines write, without a setting for the place: in memory on this host. */
const FIXED = ['/etc/docker', '/opt/containerd', '/run/containerd', '/run/docker', '/run/netns', '/var/lib/cni'];

const HOST = `
  set -e
  if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount --bind "$1" /sys/fs/cgroup
    mount --bind /dev/null /sys/fs/cgroup/cgroup.subtree_control
  fi
  shift
  for directory; do mount -t tmpfs tmpfs "$directory"; done
  ip link set lo up
  echo ready
  exec sleep infinity`;

/**
 * A host for engines, as mount and network namespaces of its own: cgroup v2 is on /sys/fs/cgroup, and bridges and rules
 * that engines make end with it. Where it is mounted for them, what they write to `cgroup.subtree_control` of its root
 * has no effect: the groups of this host stay as they are.
 */
export class PrivateHost {
  /** Begins each command on it. */
  readonly launcher: string[];
  readonly #process: ReturnType<typeof hold>;
  /** Directories that were made for it. */
  readonly #made: string[];

  private constructor(made: string[]) {
    this.#made = made;
    this.#process = hold();
    this.launcher = ['nsenter', `--target=${this.#process.pid}`, '--mount', '--net'];
  }

  /** Makes one. */
  static async start(): Promise<PrivateHost> {
    const made = FIXED.filter((directory) => !existsSync(directory));
    for (const directory of made) mkdirSync(directory, { recursive: true });
    const host = new PrivateHost(made);
    await once(host.#process.stdout, 'data');
    return host;
  }

  /** Runs a program on it, which has to succeed; gives its output. */
  async done(...command: string[]): Promise<string> {
    const [program = '', ...words] = [...this.launcher, ...command];
    return (await execa(program, words)).stdout;
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process;
    for (const directory of this.#made) if (readdirSync(directory).length === 0) rmdirSync(directory);
  }
}

function hold() {
  const words = ['sh', '-c', HOST, 'sh', lookAtCgroupTree('').mount, ...FIXED];
  return execa('unshare', ['--mount', '--net', ...words], { reject: false });
}
