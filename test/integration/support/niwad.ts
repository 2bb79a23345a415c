import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { fromLine } from '../../../src/accounting/record.js';
import { NiwaClient } from '../../../src/client/client.js';
import { lookAtCgroupTree, removeGroup } from '../../../src/host/cgroup.js';
import type { ContainerStatus, Exit } from '../../../src/protocol/container.js';
import type { UsageRecord } from '../../../src/protocol/record.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { SLOWNESS } from './host.js';

export const NIWAD = fileURLToPath(new URL('../../../bin/niwad', import.meta.url));
export const NIWA = fileURLToPath(new URL('../../../bin/niwa', import.meta.url));

const READY_MS = 20_000 * SLOWNESS;
const STOP_MS = 15_000 * SLOWNESS;

export interface CliResult {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** The directories and the cgroup of a daemon; two daemons may have them one after another. */
export interface Place {
  /** Holds everything below; anybody may look into it. */
  directory: string;
  runDir: string;
  stateDir: string;
  /** For the test's own files: on a file system that can be id-mapped. */
  files: string;
  cgroup: string;
  config: string;
}

export interface Ran {
  status: ContainerStatus;
  exit: Exit;
  stdout: string;
  stderr: string;
}

let places = 0;

/**
 * Makes a place that nobody else uses.
 * @param settings what the configuration file of its daemon says
 */
export function makePlace(settings: object = {}): Place {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  chmodSync(directory, 0o755);
  const at = (name: string) => join(directory, name);
  const files = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-test-'));
  chmodSync(files, 0o755);
  const cgroup = `niwa-test-${process.pid}-${++places}`;
  writeFileSync(at('niwad.yaml'), JSON.stringify(settings));
  return { directory, runDir: at('run'), stateDir: at('state'), files, cgroup, config: at('niwad.yaml') };
}

/** Removes a place with whatever a daemon that died has left in it. */
export async function removePlace({ directory, files, cgroup }: Place): Promise<void> {
  await removeGroup(lookAtCgroupTree(cgroup).base);
  rmSync(directory, { recursive: true, force: true });
  rmSync(files, { recursive: true, force: true });
}

/** The flags of a daemon in this place. */
export function flagsOf({ runDir, stateDir, cgroup, config }: Place): string[] {
  return ['--run-dir', runDir, '--state-dir', stateDir, '--cgroup', cgroup, '--config', config];
}

/** Runs niwad to its end: for a start that is refused. */
export async function runNiwad(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  const { exitCode, stdout, stderr } = await execa(NIWAD, args, { env, reject: false, timeout: READY_MS });
  return { exitCode, stdout, stderr };
}

/** Runs niwa. */
export async function runNiwa(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  const { exitCode, stdout, stderr } = await execa(NIWA, args, { env, reject: false });
  return { exitCode, stdout, stderr };
}

function spawnNiwad(args: string[], env: Record<string, string>, launcher: string[]) {
  const [program = NIWAD, ...words] = [...launcher, NIWAD, ...args];
  return execa(program, words, { env, reject: false, all: true, forceKillAfterDelay: false });
}

/** A private niwad. */
export class Niwad {
  readonly place: Place;
  readonly socket: string;
  readonly client: NiwaClient;
  /** The directory with one group per container. */
  readonly containers: string;
  /** How many records the ledger had when {@link beginFile} was called. */
  #earlierRecords = 0;
  readonly #process: ReturnType<typeof spawnNiwad>;
  #log = '';

  private constructor(place: Place, env: Record<string, string>, flags: string[], launcher: string[]) {
    this.place = place;
    this.socket = join(place.runDir, 'niwad.sock');
    this.client = new NiwaClient(this.socket);
    this.containers = lookAtCgroupTree(place.cgroup).containers;
    this.#process = spawnNiwad(flags, env, launcher);
    this.#process.all.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /**
   * Starts a daemon and waits until it listens.
   * @param env more environment for it
   * @param flags those of the place, unless the environment says the same
   * @param launcher a command that ends in an exec of what follows: niwad and its flags
   */
  static async start(
    place: Place,
    env: Record<string, string> = {},
    flags = flagsOf(place),
    launcher: string[] = [],
  ): Promise<Niwad> {
    const niwad = new Niwad(place, env, flags, launcher);
    await niwad.#listening();
    return niwad;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** What it has logged. */
  get log(): string {
    return this.#log;
  }

  /** Runs niwa against this daemon. */
  cli(...args: string[]): Promise<CliResult> {
    return runNiwa(args, { NIWA_SOCKET: this.socket });
  }

  /** Makes and starts a container. */
  start(spec: SpecInput): Promise<ContainerStatus> {
    return this.client.create(spec, { start: true });
  }

  /** Runs a container to its end. */
  async run(spec: SpecInput): Promise<Ran> {
    const { id } = await this.client.create(spec);
    const output = this.output(id);
    await this.client.start(id);
    const exit = await this.client.wait(id);
    return { status: await this.client.inspect(id), exit, ...(await output) };
  }

  /** Runs a line of shell to its end and gives its standard output; what else the spec says goes before. */
  async sh(script: string, spec: Omit<SpecInput, 'process'> & { process?: Partial<SpecInput['process']> } = {}) {
    const { stdout, stderr } = await this.run({
      ...spec,
      process: { ...spec.process, args: ['sh', '-c', script] },
    });
    if (stderr !== '') throw new Error(`the container says: ${stderr}`);
    return stdout.trimEnd();
  }

  /** Collects what a container writes until its end. */
  async output(id: string): Promise<{ stdout: string; stderr: string }> {
    const pieces = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    for await (const { stream, data } of this.client.logs(id, { follow: true })) pieces[stream].push(data);
    return { stdout: Buffer.concat(pieces.stdout).toString(), stderr: Buffer.concat(pieces.stderr).toString() };
  }

  /** Waits until a container has written a text. */
  async says(id: string, text: string): Promise<void> {
    let said = '';
    for await (const { data } of this.client.logs(id, { follow: true })) {
      said += data.toString();
      if (said.includes(text)) return;
    }
    throw new Error(`container ${id} ended and said only "${said}", not "${text}"`);
  }

  /** The cgroup of a container. */
  groupOf(id: string): string {
    return join(this.containers, id);
  }

  /** The groups of containers that there are. */
  groups(): string[] {
    return readdirSync(this.containers, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  }

  /** The processes in the group of a container, in the host's numbers. */
  pidsOf(id: string): number[] {
    return readFileSync(join(this.groupOf(id), 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(Number);
  }

  /**
   * Divides the group of a container as a systemd in it does: the first process goes into a group below, and the
   * others may have limits. Gives false where the host has no controller for it.
   */
  divide(id: string, pid: number): boolean {
    const group = this.groupOf(id);
    const [controller] = readFileSync(join(group, '../../cgroup.controllers'), 'utf8').trimEnd().split(' ');
    if (!controller) return false;
    mkdirSync(join(group, 'init'));
    writeFileSync(join(group, 'init/cgroup.procs'), String(pid));
    for (const giving of ['../..', '..', '.'])
      writeFileSync(join(group, giving, 'cgroup.subtree_control'), `+${controller}`);
    return true;
  }

  /** A file of a container's group. */
  groupFile(id: string, file: string): string {
    return readFileSync(join(this.groupOf(id), file), 'utf8').trimEnd();
  }

  /**
   * Called when the tests of a file begin: their {@link ledger} has no record of the files before, whose containers may
   * have the same ids.
   */
  beginFile(): void {
    this.#earlierRecords = this.#records().length;
  }

  /** The usage records on disk, of all containers or one. */
  ledger(id?: string): UsageRecord[] {
    return this.#records()
      .slice(this.#earlierRecords)
      .filter((record) => id === undefined || record.id === id);
  }

  #records(): UsageRecord[] {
    const directory = join(this.place.stateDir, 'ledger');
    const segments = readdirSync(directory).sort();
    return segments
      .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean))
      .map((line) => fromLine(Buffer.from(line)) ?? { damaged: line })
      .flatMap((entry) => ('record' in entry && !entry.carried ? [entry.record] : []));
  }

  /** Waits until the daemon has ended by itself; gives its exit status, or the signal that ended it. */
  async ended(): Promise<number | string | undefined> {
    const result = await this.#process;
    await this.client.close();
    return result.exitCode ?? result.signal;
  }

  /** Ends the daemon; gives its exit status, or the signal that ended it, once it has gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | undefined> {
    await this.client.close();
    this.#process.kill(signal);
    const kill = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    const result = await this.#process;
    clearTimeout(kill);
    return result.exitCode ?? result.signal;
  }

  async #listening(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    const ended = this.#process.then(() => 'ended' as const);
    while (!this.#log.includes('"msg":"listening"')) {
      const state = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10))]);
      if (state === 'ended' || Date.now() > deadline) {
        await this.stop('SIGKILL');
        throw new Error(`niwad ${state ?? 'does not get ready'}: ${this.#log}`);
      }
    }
  }
}

/** The pid of the keeper of a place; undefined where there is none. */
export function keeperOf({ runDir }: Place): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  const found = pids.find((pid) => isAlive(pid) && commandOf(pid).endsWith(`niwa-keeper\0${runDir}/keeper.sock\0`));
  return found === undefined ? undefined : Number(found);
}

/** Where other programs and tests on this machine make mounts at any time. */
const OTHERS = [`${tmpdir()}/`, '/run/netns/'];

/** The mounts of this machine, without those that others may have made or removed meanwhile. */
export function mountsOf({ directory }: Place): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const ofOthers = (line: string) => OTHERS.some((folder) => line.split(' ')[4]?.startsWith(folder));
  return lines.filter((line) => line.includes(directory) || !ofOthers(line));
}

/** Whether the keeper of a place watches a container, given the pid of its PID 1. */
export function keeperWatches(place: Place, pid: number): boolean {
  const fdinfo = `/proc/${keeperOf(place)}/fdinfo`;
  try {
    return readdirSync(fdinfo).some((fd) => readFileSync(join(fdinfo, fd), 'utf8').includes(`\nPid:\t${pid}\n`));
  } catch {
    return false; // there is no keeper, or a descriptor was closed meanwhile
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The processor time of a process, in ticks of a hundredth of a second. */
export function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

/** Whether a process runs; one that waits to be reaped by the host's init does not. */
export function isAlive(pid: number | string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
