import { mkdirSync, readdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryTime } from '../accounting/memory-time.js';
import { messageOf, NiwaError } from '../errors.js';
import { makeAfresh, removeDirectory } from '../host/directory.js';
import type { IdRange } from '../host/id-pool.js';
import { load } from '../host/stored-file.js';
import type { Lease } from '../network/lease.js';
import type { Exit, Readiness } from '../protocol/container.js';
import type { StartPhases } from '../protocol/phases.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { Usage } from '../protocol/usage.js';
import { savedStateProblem } from './saved-state-schema.js';

const VERSION = 1;
const STATE = 'state.json';
const NO_HOOKS = { hooks: {}, ready: null };

/**
 * What a new daemon has to know of a container: a file of JSON in the container's directory below the run directory. Times
 * with `Ns` are CLOCK_BOOTTIME, as text.
 */
export interface SavedState {
  /** The boot in which it lives: processes and groups do not outlast it. */
  bootId: string;
  /** Names this run in the ledger; an id may be used again. */
  run: string;
  /** `making` until its client could have heard of it. */
  phase: 'making' | 'created' | 'started' | 'exited';
  spec: Spec;
  cgroup: string;
  userns: IdMaps | null;
  idRange: IdRange | null;
  /** Its place on the bridge; null where it has none. */
  lease: Lease | null;
  /** 0 while it is made. */
  pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names the process. */
  startTicks: string;
  createdAt: string;
  startedAt: string | null;
  startedNs: string;
  deadlineNs: string;
  /** The last signal that was sent through niwa. */
  sentSignal: number;
  /** How many OOM kills in its group its first process has outlived; not there in what an older niwad wrote. */
  outlivedOomKills?: number;
  /** How long the parts of its start took; not there in what an older niwad wrote. */
  phases?: Partial<StartPhases>;
  memory: MemoryTime | null;
  /** The counters when this was written last. */
  usage: Usage | null;
  exit: Exit | null;
  ready: Readiness | null;
  /** False where it has exited and the hooks of its end have still to run. */
  hooksDone: boolean;
  /** How often they have been begun; not there in what an older niwad wrote. */
  hookTries?: number;
}

/** A state file that is damaged or missing, of a container whose directory or life is there. */
export interface Damaged {
  id: string;
  /** What is wrong with it. */
  reason: string;
  /** What it says, of any shape; undefined where that cannot be read. */
  said: unknown;
}

/** The state files of all containers of a daemon. */
export class StateFiles {
  readonly #directory: string;

  /**
   * @param directory holds one directory per container; made where it is missing
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#directory = realpathSync(directory); // the boot helper follows no links to what it binds
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The directory of a container: its state and its FIFOs. */
  directoryOf(id: string): string {
    return join(this.#directory, id);
  }

  /**
   * Makes the directory of a new container and writes its first state.
   * @throws NiwaError HOST_ERROR; then nothing was made
   */
  add(saved: SavedState): void {
    const { id } = saved.spec;
    try {
      makeAfresh(this.directoryOf(id), 0o700);
      this.save(saved);
    } catch (error) {
      this.#tryToRemove(id);
      throw new NiwaError(
        'HOST_ERROR',
        `cannot write the state of container ${id}: ${messageOf(error)}. The run directory has to be writable and to have room.`,
        { cause: error },
      );
    }
  }

  /** Replaces the state of a container in one step. Throws what the file system does. */
  save(saved: SavedState): void {
    const path = this.#fileOf(saved.spec.id);
    writeFileSync(`${path}.new`, JSON.stringify({ version: VERSION, ...saved }), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /**
   * Reads all states, the oldest first; apart from them those that are damaged, or missing in a directory that is there.
   * @throws NiwaError HOST_ERROR where a later version of niwad wrote one, or nobody can say which there are: no container must be
   *   taken for lost
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
    return { whole: whole.sort((a, b) => a.createdAt.localeCompare(b.createdAt)), damaged };
  }

  /**
   * Puts a state file away for the operator, in place of an earlier one of this id, and makes room for a new one. Gives its new
   * path; null where there is no file, or it cannot be moved.
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

  /** Removes all that is kept of a container. Throws what the file system does. */
  remove(id: string): void {
    removeDirectory(this.directoryOf(id));
  }

  #tryToRemove(id: string): void {
    try {
      this.remove(id);
    } catch {
      // the next daemon removes it
    }
  }
}

/**
 * Fills in what an earlier niwad did not know.
 * @throws NiwaError HOST_ERROR for what a niwad of a later version wrote
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
  return { ready: null, hooksDone: true, lease: null, ...saved, ...(spec && { spec: { ...NO_HOOKS, ...spec } }) };
}
