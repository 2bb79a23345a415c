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

/** A containerd of its own, with an image that has a shell, whose containers are those of one niwad. */
export class Containerd extends Client {
  readonly #programs: string;
  readonly #socket: string;
  readonly #runtime: string;
  readonly #daemon: ReturnType<typeof spawn>;

  private constructor(folder: string, directory: string, runtime: string) {
    super();
    this.#programs = folder;
    this.#socket = join(directory, 'containerd.sock');
    this.#runtime = runtime;
    this.#daemon = spawn(folder, directory, this.#socket);
  }

  /** Starts it, and imports the image. */
  static async start(niwad: Pick<Niwad, 'place'>): Promise<Containerd> {
    const directory = mkdtempSync(join(niwad.place.files, 'containerd-'));
    const containerd = new Containerd(await programs(), directory, runtimeOf(niwad));
    await vi.waitFor(() => containerd.done('version'), PATIENCE);
    await containerd.done('image', 'import', '--snapshotter=native', shellImage(join(directory, 'image.tar')));
    return containerd;
  }

  protected begin() {
    return { words: ['ctr', '--address', this.#socket], env: withPrograms(this.#programs) };
  }

  /** The words of `ctr run` for a container of the image, up to the program. */
  container(id: string, ...options: string[]): string[] {
    const runtime = ['--runtime', 'io.containerd.runc.v2', '--runc-binary', this.#runtime];
    return ['run', '--snapshotter=native', ...runtime, ...options, SHELL_IMAGE, id];
  }

  /** Ends it with all its containers. */
  async stop(): Promise<void> {
    for (const id of (await this.done('container', 'ls', '--quiet')).split('\n').filter(Boolean)) {
      await this.run('task', 'rm', '--force', id);
      await this.run('container', 'rm', id);
    }
    this.#daemon.kill('SIGTERM');
    await this.#daemon;
    for (const directory of FIXED)
      if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory);
  }
}

function spawn(folder: string, directory: string, socket: string) {
  const config = join(directory, 'config.toml');
  const own = (name: string) => JSON.stringify(join(directory, name));
  const settings = `
    version = 2
    root = ${own('root')}
    state = ${own('state')}
    disabled_plugins = ["io.containerd.grpc.v1.cri"]
    [grpc]
    address = ${JSON.stringify(socket)}`;
  writeFileSync(config, settings);
  return execa('containerd', ['--config', config], { env: withPrograms(folder), reject: false, stdio: 'ignore' });
}
