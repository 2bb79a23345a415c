import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { lookAtCgroupTree } from '../../../src/host/cgroup.js';
import type { Niwad } from './niwad.js';
import { NIWA_OCI } from './oci.js';

export const PODMAN = '/usr/bin/podman';

/**
 * Without limits of its own podman raises those of files and processes, which needs CAP_SYS_RESOURCE, and wants one that
 * needs the controller of pids.
 */
const SETTINGS = `
[containers]
default_ulimits = []
pids_limit = 0
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime_supports_json = ["niwa-oci"]
runtime_supports_nocgroup = ["niwa-oci"]
[engine.runtimes]
`;

/**
 * A host as podman wants it for groups: cgroup v2 is on /sys/fs/cgroup. It has a network of its own, where podman makes
 * its bridge, and what the plugins for the network write is in memory.
 */
const UNIFIED_HOST = `
  set -e
  [ -e /sys/fs/cgroup/cgroup.controllers ] || mount --bind "$1" /sys/fs/cgroup
  mkdir -p /var/lib/cni /run/netns
  for directory in /var/lib/cni /run/netns; do mount -t tmpfs tmpfs "$directory"; done
  ip link set lo up
  echo ready
  exec sleep infinity`;

/** podman with its own storage, and niwa-oci as its runtime, against one niwad. */
export class Podman {
  readonly #directory: string;
  readonly #parent: string;
  /** Begins each command; empty on the host itself. */
  #launcher: string[] = [];

  constructor({ place }: Pick<Niwad, 'place'>) {
    this.#directory = mkdtempSync(join(place.files, 'podman-'));
    this.#parent = `/${place.cgroup}/podman`;
    // podman gives its runtime another environment, and gives its own clean-up no flags of the runtime
    const runtime = join(this.#directory, 'niwa-oci');
    const words = `#!/bin/sh\nexec ${NIWA_OCI} --niwad ${join(place.runDir, 'oci.sock')} "$@"\n`;
    writeFileSync(runtime, words, { mode: 0o755 });
    writeFileSync(join(this.#directory, 'containers.conf'), `${SETTINGS}niwa-oci = ["${runtime}"]\n`);
  }

  /** Gives it a host with unified groups; gives what ends that host. */
  async enterUnifiedHost(): Promise<() => Promise<void>> {
    const { mount } = lookAtCgroupTree('');
    const host = execa('unshare', ['--mount', '--net', 'sh', '-c', UNIFIED_HOST, 'sh', mount], { reject: false });
    await once(host.stdout, 'data');
    this.#launcher = ['nsenter', `--target=${host.pid}`, '--mount', '--net'];
    return async () => {
      host.kill('SIGKILL');
      await host;
    };
  }

  /** Makes a root that has only links to the programs of the host. */
  root(): string {
    const root = mkdtempSync(join(this.#directory, 'rootfs-'));
    chmodSync(root, 0o755);
    for (const name of ['usr', 'tmp', 'etc']) mkdirSync(join(root, name));
    for (const name of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(`usr/${name}`, join(root, name));
    return root;
  }

  /** Runs podman to its end. */
  async run(...args: string[]) {
    const own = (name: string) => join(this.#directory, name);
    const global = [
      ...['--root', own('storage'), '--runroot', own('run'), '--tmpdir', own('tmp'), '--storage-driver', 'vfs'],
      ...['--runtime', 'niwa-oci'],
    ];
    const [program = PODMAN, ...words] = [...this.#launcher, PODMAN, ...global, ...args];
    const { exitCode, stdout, stderr } = await execa(program, words, {
      env: { CONTAINERS_CONF: own('containers.conf') },
      reject: false,
      stdin: 'ignore',
    });
    return { exitCode, stdout, stderr };
  }

  /** Runs podman, which has to succeed; gives its output. */
  async done(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(...args);
    if (exitCode !== 0) throw new Error(`podman ${args.join(' ')}: ${exitCode}, ${stderr}`);
    return stdout;
  }

  /** The words of `podman run` for a container with a group of podman, up to the program. */
  grouped(...options: string[]): string[] {
    const group = ['--cgroup-parent', this.#parent];
    return ['run', ...group, '-v', '/usr:/usr:ro', ...options, '--rootfs', this.root()];
  }

  /** The words of `podman run` or `podman create` for a container without network and cgroups of podman. */
  container(verb: 'run' | 'create', ...options: string[]): string[] {
    return [verb, '--cgroups=disabled', '--network=none', '-v', '/usr:/usr:ro', ...options, '--rootfs', this.root()];
  }
}
