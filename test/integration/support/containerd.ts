import { existsSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { vi } from 'vitest';
import { containerd as programs } from '../../programs.mjs';
import { Client, runtimeOf, SHELL_IMAGE, shellImage, withPrograms } from './engine.js';
import { PATIENCE } from './host.js';
import type { Niwad } from './niwad.js';

/** Sockets of shims and pipes of ctr: there are no settings for their places. */
const FIXED = ['/run/containerd/s', '/run/containerd/fifo', '/run/containerd'];

/** Where a containerd runs, and what uses it. */
interface Options {
  /** Begins its commands on another host; none on this one. */
  launcher: string[];
  /** The namespace in containerd that gets the image. */
  namespace: string;
  /** Gives the settings of the Container Runtime Interface from the path of niwa-oci; without it there is none. */
  cri?: (runtime: string, directory: string) => string;
}

const USUAL: Options = { launcher: [], namespace: 'default' };

/** A containerd of its own, with an image that has a shell, whose containers are those of one niwad. */
export class Containerd extends Client {
  readonly socket: string;
  readonly #directory: string;
  readonly #launcher: string[];
  readonly #env: Record<string, string>;
  readonly #runtime: string;
  readonly #daemon: ReturnType<typeof spawn>;

  private constructor(folder: string, directory: string, runtime: string, { launcher, cri }: Options) {
    super();
    this.socket = join(directory, 'containerd.sock');
    this.#directory = directory;
    this.#launcher = launcher;
    this.#env = withPrograms(folder);
    this.#runtime = runtime;
    const settings = cri?.(runtime, directory) ?? 'disabled_plugins = ["io.containerd.grpc.v1.cri"]';
    this.#daemon = spawn(launcher, this.#env, directory, this.socket, settings);
  }

  /** Starts it, and imports the image. */
  static async start(niwad: Pick<Niwad, 'place'>, chosen: Partial<Options> = {}): Promise<Containerd> {
    const options = { ...USUAL, ...chosen };
    const directory = mkdtempSync(join(niwad.place.files, 'containerd-'));
    const containerd = new Containerd(await programs(), directory, runtimeOf(niwad), options);
    try {
      await vi.waitFor(() => containerd.done('version'), PATIENCE);
      await containerd.#import(options.namespace);
      return containerd;
    } catch (cause) {
      throw new Error(await containerd.stop(), { cause });
    }
  }

  /** Imports an image with a shell, whose usual program sleeps. */
  async #import(namespace: string): Promise<void> {
    const image = shellImage(join(this.#directory, 'image.tar'), SHELL_IMAGE, ['sleep', '1000000']);
    await this.done('--namespace', namespace, 'image', 'import', '--snapshotter=native', image);
  }

  protected begin() {
    return { words: [...this.#launcher, 'ctr', '--address', this.socket], env: this.#env };
  }

  /** The words of `ctr run` for a container of the image, up to the program. */
  container(id: string, ...options: string[]): string[] {
    const runtime = ['--runtime', 'io.containerd.runc.v2', '--runc-binary', this.#runtime];
    return ['run', '--snapshotter=native', ...runtime, ...options, SHELL_IMAGE, id];
  }

  /** Ends it with all its containers; gives what it has logged. */
  async stop(): Promise<string> {
    for (const id of (await this.run('container', 'ls', '--quiet')).stdout.split('\n').filter(Boolean)) {
      await this.run('task', 'rm', '--force', id);
      await this.run('container', 'rm', id);
    }
    this.#daemon.kill('SIGTERM');
    const { all } = await this.#daemon;
    if (this.#launcher.length > 0) return all; // its host ends with them
    for (const directory of FIXED)
      if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory);
    return all;
  }
}

function spawn(launcher: string[], env: Record<string, string>, directory: string, socket: string, more: string) {
  const config = join(directory, 'config.toml');
  const own = (name: string) => JSON.stringify(join(directory, name));
  const settings = `
    version = 2
    root = ${own('root')}
    state = ${own('state')}
    ${more}
    [grpc]
    address = ${JSON.stringify(socket)}`;
  writeFileSync(config, settings);
  const [program = '', ...words] = [...launcher, 'containerd', '--config', config];
  return execa(program, words, { env, reject: false, all: true, stdin: 'ignore', forceKillAfterDelay: false });
}
