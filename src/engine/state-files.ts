import { mkdirSync, readdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryTime } from '../accounting/memory-time.js';
import { makeAfresh, removeDirectory } from '../host/directory.js';
import type { IdRange } from '../host/id-pool.js';
import { load } from '../host/stored-file.js';
import type { Lease } from '../network/lease.js';
import type { PlannedLimits } from '../plan/plan.js';
import type { Exit, Readiness } from '../protocol/container.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { StartPhases } from '../protocol/phases.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { Usage } from '../protocol/usage.js';
import type { LastingStates } from './lasting-states.js';
import type { RunsState } from './runs.js';
import { savedStateProblem } from './saved-state-schema.js';

const VERSION = 1;
const STATE = 'state.json';
/** Fields of a spec that an earlier niwad did not know. */
const SPEC_DEFAULTS = { hooks: {}, ready: null, service: null };

/**
 * The saved state of a container, which a new daemon reads: a JSON file in the container's directory below the run
 * directory. Times with `Ns` are of CLOCK_BOOTTIME, as text.
 */
export interface SavedState {
  /** The id of the boot in which the container lives: processes and groups do not survive the boot. */
  bootId: string;
  /**
   * The name of this run in the ledger. The id alone does not suffice, because a later container may have the same id.
   */
  run: string;
  /** `making` until a client can know of the container. */
  phase: 'making' | 'created' | 'started' | 'exited';
  spec: Spec;
  /**
   * The limits for which a container that was never started was planned, where its spec has others by now; missing in
   * files of an older niwad.
   */
  planned?: PlannedLimits | null;
  cgroup: string;
  userns: IdMaps | null;
  idRange: IdRange | null;
  /** The container's address on the bridge; null if it has none. */
  lease: Lease | null;
  /** 0 while the container is being made. */
  pid: number;
  /** Field 22 of /proc/PID/stat: pid and start time together are unique for the whole boot. */
  startTicks: string;
  createdAt: string;
  startedAt: string | null;
  startedNs: string;
  deadlineNs: string;
  /** The last signal that was sent through niwa; 0 for none. */
  sentSignal: number;
  /** How many OOM kills in its group the first process has survived; missing in files of an older niwad. */
  outlivedOomKills?: number;
  /** How long each part of the start took; missing in files of an older niwad. */
  phases?: Partial<StartPhases>;
  memory: MemoryTime | null;
  /** The use at the time of this save. */
  usage: Usage | null;
  exit: Exit | null;
  /** The run's place among the runs of the container; missing in files of an older niwad. */
  runs?: RunsState;
  ready: Readiness | null;
  /** False if the container has exited and the hooks of its end have not finished. */
  hooksDone: boolean;
  /** How often the hooks of the end have begun; missing in files of an older niwad. */
  hookTries?: number;
}

/** A container whose directory or group exists, but whose state file is damaged or missing. */
export interface Damaged {
  id: string;
  /** What is wrong with the file. */
  reason: string;
  /** The content of the file, of any shape; undefined if the file cannot be read. */
  said: unknown;
}

/** The state files of all containers of a daemon. */
export class StateFiles {
  readonly #directory: string;
  readonly #lasting: LastingStates | null;

  /**
   * @param directory contains one directory for each container; made if it is missing
   * @param lasting has copies of the states that must outlive a restart of the machine; null for none
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string, lasting: LastingStates | null = null) {
    this.#lasting = lasting;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#directory = realpathSync(directory); // the boot helper follows no links in the paths that it bind-mounts
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The directory of a container, with its state file and its FIFOs. */
  directoryOf(id: string): string {
    return join(this.#directory, id);
  }

  /**
   * Makes the directory of a new container and writes its first state.
   * @throws NiwaError HOST_ERROR; then no directory is left
   */
  add(saved: SavedState): void {
    const { id } = saved.spec;
    try {
      makeAfresh(this.directoryOf(id), 0o700);
      this.save(saved);
    } catch (error) {
      this.#tryToRemove(id);
      throw cannotWrite(id, error);
    }
  }

  /**
   * Writes the first state of a further run of a container in place of the state of the run before.
   * @throws NiwaError HOST_ERROR
   */
  replace(saved: SavedState): void {
    try {
      this.save(saved);
    } catch (error) {
      throw cannotWrite(saved.spec.id, error);
    }
  }

  /** Replaces the state file of a container atomically. Throws the errors of the file system. */
  save(saved: SavedState): void {
    const path = this.#fileOf(saved.spec.id);
    const text = JSON.stringify({ version: VERSION, ...saved });
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#lasting?.save(saved, text);
  }

  /**
   * Reads all state files, the oldest first. Damaged files, and directories without a state file, are listed apart.
   * @throws NiwaError HOST_ERROR if a newer niwad wrote a file, or the directory cannot be read: otherwise a live
   *   container could count as lost
   */
  async load(): Promise<{ whole: SavedState[]; damaged: Damaged[] }> {
    const whole: SavedState[] = [];
    const damaged: Damaged[] = [];
    const read = async (id: string) => {
      const found = await load(this.#fileOf(id), (text) => JSON.parse(text) as unknown);
      const value = found.state === 'whole' ? withDefaults(id, found.value) : undefined;
      const problem = found.state === 'damaged' ? found.reason : savedStateProblem(id, value);
      if (problem === null) whole.push(value as SavedState);
      else damaged.push({ id, reason: found.state === 'missing' ? 'there is none' : problem, said: value });
    };
    await Promise.all(this.#ids().map(read));
    whole.push(...(await this.#restore(new Map(whole.map((saved) => [saved.spec.id, saved])), damaged)));
    return { whole: whole.sort((a, b) => a.createdAt.localeCompare(b.createdAt)), damaged };
  }

  /**
   * Moves a damaged state file aside for the operator, so that a new one can be written. An earlier file of this id
   * that was moved aside is replaced. Gives the new path; null if there is no file, or the file cannot be moved.
   */
  setAside(id: string): string | null {
    const directory = join(this.#directory, '..', 'damaged');
    const path = join(directory, `${id}.json`);
    try {
      mkdirSync(this.directoryOf(id), { recursive: true, mode: 0o700 });
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      renameSync(this.#fileOf(id), path);
      return path;
    } catch {
      return null;
    }
  }

  /**
   * Restores the containers of which a restart of the machine has left only the lasting copies. A copy that cannot be
   * read is counted as damaged.
   * @param known the states that were found in the run directory
   */
  async #restore(known: ReadonlyMap<string, SavedState>, damaged: Damaged[]): Promise<SavedState[]> {
    const texts = await this.#lasting?.load();
    const lost = new Set(damaged.map(({ id }) => id));
    const restored: SavedState[] = [];
    for (const [id, text] of texts ?? []) {
      const there = known.get(id);
      if (there !== undefined) this.#lasting?.know(there);
      if (there !== undefined || lost.has(id)) continue;
      const value = text === null ? undefined : withDefaults(id, parsed(text));
      const problem = savedStateProblem(id, value);
      if (problem !== null) damaged.push({ id, reason: problem, said: value });
      else restored.push(value as SavedState);
    }
    for (const saved of restored) {
      mkdirSync(this.directoryOf(saved.spec.id), { recursive: true, mode: 0o700 });
      this.#lasting?.know(saved);
    }
    return restored;
  }

  #ids(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot read ${this.#directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  #fileOf(id: string): string {
    return join(this.directoryOf(id), STATE);
  }

  /** Removes everything that is stored of a container. Throws the errors of the file system. */
  remove(id: string): void {
    this.#lasting?.remove(id);
    removeDirectory(this.directoryOf(id));
  }

  #tryToRemove(id: string): void {
    try {
      this.remove(id);
    } catch {
      // the next daemon removes the rest
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function cannotWrite(id: string, cause: unknown): NiwaError {
  return new NiwaError(
    'HOST_ERROR',
    `cannot write the state of container ${id}: ${messageOf(cause)}. The run directory has to be writable and to have room.`,
    { cause },
  );
}

/**
 * Adds the default values of fields that an earlier niwad did not write.
 * @throws NiwaError HOST_ERROR for a state that a newer niwad wrote
 */
function withDefaults(id: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { version, ...saved } = value as { version?: unknown; spec?: object };
  if (Number.isInteger(version) && Number(version) > VERSION)
    throw new NiwaError(
      'HOST_ERROR',
      `the state of container ${id} is of version ${version}, this niwad knows ${VERSION}: start the niwad that wrote it, and drain it first`,
    );
  const { spec } = saved;
  return { ready: null, hooksDone: true, lease: null, ...saved, ...(spec && { spec: { ...SPEC_DEFAULTS, ...spec } }) };
}
