import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, runtimeOf, SHELL_IMAGE, shellImage } from './engine.js';
import type { Niwad } from './niwad.js';
import type { PrivateHost } from './private-host.js';

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
events_logger = "none"
runtime_supports_json = ["niwa-oci"]
runtime_supports_nocgroup = ["niwa-oci"]
`;

/** podman with its own storage, and niwa-oci as its runtime, against one niwad. */
export class Podman extends Client {
  readonly #directory: string;
  /** The words for a group of podman that ends with niwad. */
  readonly #grouping: string[];
  /** Begins each command; empty on the host itself. */
  #launcher: string[] = [];

  constructor({ place }: Pick<Niwad, 'place'>, manager: 'cgroupfs' | 'systemd' = 'cgroupfs') {
    super();
    this.#directory = mkdtempSync(join(place.files, 'podman-'));
    this.#grouping = ['--cgroup-parent', manager === 'systemd' ? 'niwa-podman.slice' : `/${place.cgroup}/podman`];
    // podman gives its own clean-up no flags of the runtime
    const more = [`cgroup_manager = "${manager}"`, '[engine.runtimes]', `niwa-oci = ["${runtimeOf({ place })}"]`];
    writeFileSync(join(this.#directory, 'containers.conf'), `${SETTINGS}${more.join('\n')}\n`);
  }

  /** From now on it runs on this host, where it finds cgroup v2. */
  enter(host: Pick<PrivateHost, 'launcher'>): void {
    this.#launcher = host.launcher;
  }

  /** Loads an image with a shell, for `ofImage`. */
  async loadImage(): Promise<void> {
    await this.done('load', '--input', shellImage(join(this.#directory, 'image.tar')));
  }

  /** Makes a root that has only links to the programs of the host. */
  root(): string {
    const root = mkdtempSync(join(this.#directory, 'rootfs-'));
    chmodSync(root, 0o755);
    for (const name of ['usr', 'tmp', 'etc']) mkdirSync(join(root, name));
    for (const name of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(`usr/${name}`, join(root, name));
    return root;
  }

  protected begin() {
    const own = (name: string) => join(this.#directory, name);
    const global = [
      ...['--root', own('storage'), '--runroot', own('run'), '--tmpdir', own('tmp'), '--storage-driver', 'vfs'],
      ...['--runtime', 'niwa-oci'],
    ];
    return { words: [...this.#launcher, PODMAN, ...global], env: { CONTAINERS_CONF: own('containers.conf') } };
  }

  /** The words of `podman run` for a container with a group of podman, up to the program. */
  grouped(...options: string[]): string[] {
    return ['run', ...this.#grouping, '-v', '/usr:/usr:ro', ...options, '--rootfs', this.root()];
  }

  /** The words of `podman run` for a container of the loaded image with a group of podman, up to the program. */
  ofImage(...options: string[]): string[] {
    return ['run', ...this.#grouping, ...options, SHELL_IMAGE];
  }

  /**
   * The words of `podman pod create`. The pod has no group: podman forbids the devices of all containers in such a
   * group.
   */
  pod(name: string): string[] {
    return ['pod', 'create', ...this.#grouping, '--share-parent=false', '--name', name];
  }

  /** The words of `podman run` or `podman create` for a container without network and cgroups of podman. */
  container(verb: 'run' | 'create', ...options: string[]): string[] {
    return [verb, '--cgroups=disabled', '--network=none', '-v', '/usr:/usr:ro', ...options, '--rootfs', this.root()];
  }
}
