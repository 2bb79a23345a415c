import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { host, needsFile, type Skip } from '../integration/support/host.js';
import { type CliResult, flagsOf, Niwad } from '../integration/support/niwad.js';
import { test as base } from '../integration/support/test.js';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

/** The folder of an example. */
export function folderOf(example: string): string {
  return join(EXAMPLES, example);
}

/**
 * Builds an example as its README says. In the virtual machine, which reaches no mirror, it has to be built already.
 */
export async function build(skip: Skip, example: string): Promise<void> {
  if (host.inVm) needsFile(skip, join(folderOf(example), 'root'), 'run its build.sh outside of the virtual machine');
  else await execa(join(folderOf(example), 'build.sh'));
}

const OWN_NETWORK = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/** A test whose daemon, with its bridge and the ports that it publishes, is in a network namespace of its own. */
export const test = base.extend('daemon', { scope: 'worker' }, async ({ place }, { onCleanup }) => {
  const daemon = await Niwad.start(place, {}, flagsOf(place), OWN_NETWORK);
  onCleanup(async () => {
    await daemon.stop();
  });
  return daemon;
});

/** A container of an example, started from its own spec by the command line. */
export class Site {
  readonly niwad: Niwad;
  readonly id: string;
  readonly example: string;
  readonly #port: number;

  private constructor(niwad: Niwad, example: string, id: string, port: number) {
    this.niwad = niwad;
    this.example = example;
    this.id = id;
    this.#port = port;
  }

  /** Starts an example and waits until its readiness check has passed. @param flags more of them for `niwa run` */
  static async start(niwad: Niwad, example: string, ...flags: string[]): Promise<Site> {
    const { stdout, stderr } = await niwad.cli(
      'run',
      '--wait-ready',
      '-f',
      join(folderOf(example), 'niwa.yaml'),
      ...flags,
    );
    const id = stdout.trim();
    if (id === '') throw new Error(`niwa run: ${stderr}`);
    // it has gone where the test got so far
    onTestFinished(() => niwad.client.remove(id, { force: true }).catch(() => {}));
    const { spec } = await niwad.client.inspect(id);
    return new Site(niwad, example, id, spec.network?.ports[0]?.host ?? 0);
  }

  /** Runs a program of the host in the example's folder, in the network of the daemon. */
  async run(program: string, args: string[], input = ''): Promise<CliResult> {
    const words = ['--net', `--target=${this.niwad.pid}`, program, ...args];
    const { exitCode, stdout, stderr } = await execa('nsenter', words, {
      cwd: folderOf(this.example),
      input,
      reject: false,
    });
    return { exitCode, stdout, stderr };
  }

  /** Asks for a page. */
  async get(path: string, ...flags: string[]): Promise<{ status: number; body: string }> {
    const { stdout, stderr } = await this.run('curl', ['-sS', '-w', '\n%{http_code}', ...flags, this.url(path)]);
    if (stderr !== '') throw new Error(stderr);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
  }

  /** Asks for a page many times at once; gives the status of each answer. */
  async getMany(path: string, times: number): Promise<number[]> {
    const each = Array.from({ length: times }, () => ['-o', '/dev/null', this.url(path)]).flat();
    const flags = ['-sS', '--parallel', '--parallel-immediate', '--parallel-max', String(times)];
    const { stdout } = await this.run('curl', [...flags, '-w', '%{http_code}\n', ...each]);
    return stdout.split('\n').map(Number);
  }

  /** Asks it to end, and forgets it; gives how it ended and what it has written. */
  async stop() {
    await this.niwad.cli('stop', this.id);
    const { exit } = await this.niwad.client.inspect(this.id);
    const output = await this.niwad.output(this.id);
    await this.niwad.cli('rm', this.id);
    return { exit, ...output };
  }

  private url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }
}
