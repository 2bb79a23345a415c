import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { PATIENCE } from './host.js';
import type { Niwad, Place } from './niwad.js';

export const NIWA_OCI = fileURLToPath(new URL('../../../bin/niwa-oci', import.meta.url));

/** The config that `niwa-oci spec` writes, as far as tests change it. */
export interface BundleConfig {
  process: { terminal: boolean; args: string[]; env: string[]; [field: string]: unknown };
  mounts: { destination: string; type?: string; source?: string; options?: string[] }[];
  linux: Record<string, unknown>;
  [field: string]: unknown;
}

let names = 0;

/** The command of container engines, against one niwad. */
export class Oci {
  readonly #place: Place;
  /** The path at which niwad listens for the command. */
  readonly socket: string;

  constructor({ place }: Pick<Niwad, 'place'>) {
    this.#place = place;
    this.socket = join(place.runDir, 'oci.sock');
  }

  /** Gives an id that no container has. */
  id(): string {
    return `oci-${++names}`;
  }

  /**
   * Makes a container that goes on without the command; it must not have the pipes of the test as its streams. The
   * error is read from the log, as engines do.
   */
  async make(...args: string[]): Promise<{ exitCode: number | undefined; message: string }> {
    const log = join(this.#place.files, `log-${++names}`);
    writeFileSync(log, '');
    const env = { NIWA_OCI_SOCKET: this.socket };
    const words = ['--log', log, '--log-format', 'json', ...args];
    const { exitCode } = await execa(NIWA_OCI, words, { env, reject: false, stdio: 'ignore' });
    const line = readFileSync(log, 'utf8');
    return { exitCode, message: line === '' ? '' : JSON.parse(line).msg };
  }

  /** Begins to run the command. */
  begin(...args: string[]) {
    return execa(NIWA_OCI, args, { env: { NIWA_OCI_SOCKET: this.socket }, reject: false, stdin: 'ignore' });
  }

  /** Runs the command to its end. */
  async run(...args: string[]) {
    const { exitCode, stdout, stderr } = await this.begin(...args);
    return { exitCode, stdout, stderr };
  }

  /** Runs the command, which has to succeed. */
  async done(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(...args);
    if (exitCode !== 0) throw new Error(`niwa-oci ${args.join(' ')}: ${exitCode}, ${stderr}`);
    return stdout;
  }

  /** The state of a container in the OCI's words. */
  async state(id: string): Promise<{ status: string; pid: number; [field: string]: unknown }> {
    return JSON.parse(await this.done('state', id));
  }

  /** Waits until a container has ended. */
  async stopped(id: string): Promise<void> {
    await vi.waitFor(async () => expect((await this.state(id)).status).toBe('stopped'), PATIENCE);
  }

  /**
   * Makes a bundle whose root has the programs of the host. It runs a shell script, without a terminal; `change` changes
   * the config further.
   */
  async bundle(script: string, change: (config: BundleConfig) => void = () => {}): Promise<string> {
    const bundle = mkdtempSync(join(this.#place.files, 'bundle-'));
    mkdirSync(join(bundle, 'rootfs/usr'), { recursive: true });
    for (const name of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(`usr/${name}`, join(bundle, 'rootfs', name));
    await this.done('spec', '--bundle', bundle);
    const path = join(bundle, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as BundleConfig;
    config.process.terminal = false;
    config.process.args = ['sh', '-c', script];
    config.mounts.push({ destination: '/usr', type: 'bind', source: '/usr', options: ['rbind', 'ro'] });
    change(config);
    writeFileSync(path, JSON.stringify(config));
    return bundle;
  }
}
