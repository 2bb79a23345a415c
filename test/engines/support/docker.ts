import { mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { vi } from 'vitest';
import { Client, runtimeOf, SHELL_IMAGE, shellImage, withPrograms } from '../../integration/support/engine.js';
import { PATIENCE } from '../../integration/support/host.js';
import type { Niwad } from '../../integration/support/niwad.js';
import { PrivateHost } from '../../integration/support/private-host.js';
import { containerd, docker } from '../../programs.mjs';

/** Docker has it under this name. */
export const IMAGE = 'shell';

/** A Docker engine of its own on a private host, with an image that has a shell, and niwa-oci as its runtime. */
export class Docker extends Client {
  readonly host: PrivateHost;
  readonly #env: Record<string, string>;
  readonly #daemon: ReturnType<typeof spawn>;

  private constructor(host: PrivateHost, directory: string, env: Record<string, string>, flags: string[]) {
    super();
    const socket = `unix://${join(directory, 'docker.sock')}`;
    this.host = host;
    this.#env = { ...env, DOCKER_HOST: socket, DOCKER_CONFIG: join(directory, 'client'), DOCKER_BUILDKIT: '0' };
    this.#daemon = spawn(host, env, [...flags, '--host', socket]);
  }

  /** Starts it with the containerd that belongs to it, and loads the image. */
  static async start(niwad: Pick<Niwad, 'place'>): Promise<Docker> {
    const directory = mkdtempSync(join(niwad.place.files, 'docker-'));
    const runtime = runtimeOf(niwad);
    symlinkSync(runtime, join(directory, 'runc')); // dockerd does not start without one
    const env = withPrograms(directory, await docker(), await containerd());
    const flags = [...flagsOf(directory), '--cgroup-parent', `/${niwad.place.cgroup}/docker`];
    const words = ['--add-runtime', `niwa=${runtime}`, '--default-runtime', 'niwa'];
    const engine = new Docker(await PrivateHost.start(), directory, env, [...flags, ...words]);
    try {
      await vi.waitFor(() => engine.done('version'), PATIENCE);
      await engine.done('load', '--input', shellImage(join(directory, 'image.tar'), SHELL_IMAGE));
    } catch (cause) {
      throw new Error(await engine.stop(), { cause });
    }
    return engine;
  }

  protected begin() {
    return { words: [...this.host.launcher, 'docker'], env: this.#env };
  }

  /** Ends it with all its containers, and its host; gives what it has logged. */
  async stop(): Promise<string> {
    const { stdout } = await this.run('ps', '--all', '--quiet');
    const left = stdout.split('\n').filter(Boolean);
    if (left.length > 0) await this.run('rm', '--force', ...left);
    this.#daemon.kill('SIGTERM');
    const { all } = await this.#daemon;
    await this.host.end();
    return all;
  }
}

/** The flags of a dockerd whose files are all in a directory. */
function flagsOf(directory: string): string[] {
  const own = (name: string) => join(directory, name);
  return [
    ...['--data-root', own('data'), '--exec-root', own('run'), '--pidfile', own('pid'), '--storage-driver', 'vfs'],
    ...['--exec-opt', 'native.cgroupdriver=cgroupfs', '--init-path', '/usr/bin/catatonit'],
  ];
}

function spawn(host: PrivateHost, env: Record<string, string>, flags: string[]) {
  const [program = '', ...words] = [...host.launcher, 'dockerd', ...flags];
  return execa(program, words, { env, reject: false, all: true, stdin: 'ignore', forceKillAfterDelay: false });
}
