import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, runtimeOf, SHELL_IMAGE, shellImage } from '../../integration/support/engine.js';
import type { Niwad } from '../../integration/support/niwad.js';

/** Without limits that it is told, buildah raises them to 1048576, which needs CAP_SYS_RESOURCE. */
const SETTINGS = `
[containers]
default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
`;

/** buildah with its own storage, an image that has a shell, and niwa-oci as its runtime, against one niwad. */
export class Buildah extends Client {
  readonly #directory: string;
  readonly #env: Record<string, string>;

  private constructor(directory: string, runtime: string) {
    super();
    const own = (name: string) => join(directory, name);
    this.#directory = directory;
    mkdirSync(own('tmp'));
    writeFileSync(own('containers.conf'), SETTINGS);
    this.#env = {
      BUILDAH_ISOLATION: 'oci',
      BUILDAH_RUNTIME: runtime,
      CONTAINERS_CONF: own('containers.conf'),
      TMPDIR: own('tmp'),
    };
  }

  /** Makes the storage with the image. */
  static async start(niwad: Pick<Niwad, 'place'>): Promise<Buildah> {
    const directory = mkdtempSync(join(niwad.place.files, 'buildah-'));
    const buildah = new Buildah(directory, runtimeOf(niwad));
    await buildah.done('pull', `docker-archive:${shellImage(join(directory, 'image.tar'))}`);
    return buildah;
  }

  protected begin() {
    const own = (name: string) => join(this.#directory, name);
    const global = ['--root', own('storage'), '--runroot', own('run'), '--storage-driver', 'vfs'];
    return { words: ['buildah', ...global], env: this.#env };
  }

  /** Builds an image from the lines of a Containerfile that follow `FROM`, with its context in a new directory. */
  build(tag: string, ...lines: string[]) {
    const context = mkdtempSync(join(this.#directory, 'context-'));
    writeFileSync(join(context, 'Containerfile'), [`FROM ${SHELL_IMAGE}`, ...lines, ''].join('\n'));
    return this.run('bud', '--network=none', '--pull-never', '--tag', tag, context);
  }

  /** Makes a container of an image; gives its name. */
  container(image: string): Promise<string> {
    return this.done('from', '--pull-never', image);
  }
}
