import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAfresh, removeEmptied } from '../host/directory.js';
import { isThere, load } from '../host/stored-file.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { type Found, textOf } from './journal/found.js';
import { Journal, type Run } from './journal/journal.js';
import type { LastingStates } from './lasting-states.js';
import { savedStateProblem, withDefaults } from './saved-state-schema.js';
import type { Damaged, SavedState } from './saved-state-types.js';
import { changeText, stateText } from './state-text.js';

/** The state file of a container of an earlier niwad, which knew no journal. */
const OLD_FILE = 'state.json';

/** What a new daemon finds of the containers of an earlier one, by id. */
interface Loading {
  whole: Map<string, SavedState>;
  damaged: Map<string, Damaged>;
}

/** What a new daemon finds of the containers of an earlier one. */
export interface Loaded {
  /** The oldest first. */
  whole: SavedState[];
  damaged: Damaged[];
  /** The file with the damaged lines of which nobody knows whose they are; null if there are none, or no file. */
  strayFile: string | null;
  strayLines: number;
}

/**
 * The saved states of all containers of a daemon: a journal, and a directory for each container with its FIFOs and the
 * files of its /etc.
 */
export class StateStore {
  readonly #directory: string;
  /** Keeps what is damaged for the operator. */
  readonly #aside: string;
  readonly #journal: Journal;
  readonly #lasting: LastingStates | null;

  /**
   * @param directory contains one directory for each container; made if it is missing. The journal is beside it
   * @param lasting has copies of the states that must outlive a restart of the machine; null for none
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string, lasting: LastingStates | null = null) {
    this.#lasting = lasting;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#directory = realpathSync(directory); // the boot helper follows no links in the paths that it bind-mounts
      this.#aside = join(this.#directory, '..', 'damaged');
      this.#journal = new Journal(join(this.#directory, '..', 'states'), this.#aside);
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The directory of a container. A niwad that starts asks for those of all, so the path is not normalized. */
  directoryOf(id: string): string {
    return `${this.#directory}/${id}`;
  }

  /**
   * Writes the first state of a new container, and makes its directory.
   * @throws NiwaError HOST_ERROR; then nothing of it is left
   */
  add(saved: SavedState): void {
    const { id } = saved.spec;
    try {
      this.save(saved);
      makeAfresh(this.directoryOf(id), 0o700);
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
    const { id } = saved.spec;
    try {
      this.save(saved);
      mkdirSync(this.directoryOf(id), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw cannotWrite(id, error);
    }
  }

  /** Writes the state of a container. Throws the errors of the file system; then the state before is still valid. */
  save(saved: SavedState): void {
    const state = () => stateText(saved);
    this.#journal.write(runOf(saved), state, () => changeText(saved));
    this.#lasting?.save(saved, state);
  }

  /**
   * Reads the states of all containers. Damaged states, and directories without a state, are listed apart.
   * @throws NiwaError HOST_ERROR if a newer niwad wrote a state, or a directory cannot be read: otherwise a live
   *   container could count as lost
   */
  async load(): Promise<Loaded> {
    const { found, stray } = await this.#journal.load().catch((error: unknown) => this.#cannotRead(error));
    const loading: Loading = { whole: new Map(), damaged: new Map() };
    for (const one of found) this.#take(one, loading);
    const { whole, damaged } = loading;
    for (const id of this.#ids()) {
      if (whole.has(id)) continue;
      if (isThere(this.#oldFileOf(id))) await this.#takeOld(id, loading);
      else if (!damaged.has(id)) damaged.set(id, { id, reason: 'there is none', said: undefined });
    }
    for (const saved of await this.#restore(loading)) whole.set(saved.spec.id, saved);
    const strayText = Buffer.concat(stray.flatMap(({ text }) => (text.length === 0 ? [] : [text, Buffer.from('\n')])));
    return {
      whole: [...whole.values()].sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt)),
      damaged: [...damaged.values()],
      strayFile: strayText.length === 0 ? null : this.#keepForOperator('journal', strayText),
      strayLines: stray.length,
    };
  }

  /**
   * Keeps what is damaged of a state for the operator, so that a new state can be written. What was kept of this id
   * before is replaced. Gives the path; null if nothing is there to keep, or it cannot be kept.
   */
  setAside({ id, text }: Damaged): string | null {
    try {
      mkdirSync(this.directoryOf(id), { recursive: true, mode: 0o700 });
      if (!isThere(this.#oldFileOf(id))) return text === undefined ? null : this.#keepForOperator(`${id}.json`, text);
      const path = this.#asideOf(`${id}.json`);
      renameSync(this.#oldFileOf(id), path);
      return path;
    } catch {
      return null;
    }
  }

  /** Removes the damaged lines, see {@link Journal.removeDamaged}. */
  removeDamaged(): void {
    this.#journal.removeDamaged();
  }

  /** Says whether a part of the journal has gone, see {@link Journal.isLost}. Throws the errors of the file system. */
  isLost(): boolean {
    return this.#journal.isLost();
  }

  /** Removes everything that is stored of a container. Throws the errors of the file system. */
  remove(id: string): void {
    this.#lasting?.remove(id);
    removeEmptied(this.directoryOf(id));
    this.#journal.remove(id);
  }

  #take(found: Found, { whole, damaged }: Loading): void {
    const { id, value, damage } = found;
    const said = withDefaults(id, value);
    const reason = damage?.reason ?? savedStateProblem(id, said);
    if (reason === null) {
      whole.set(id, said as SavedState);
      this.#journal.know(found, runOf(said as SavedState));
    } else {
      damaged.set(id, { id, reason, said, text: damage?.text ?? textOf(found.lines) });
      this.#journal.know(found, null);
    }
  }

  /** Takes the state file of an earlier niwad into the journal, which has no whole state of the container. */
  async #takeOld(id: string, { whole, damaged }: Loading): Promise<void> {
    const found = await load(this.#oldFileOf(id), (text) => JSON.parse(text) as unknown);
    const said = found.state === 'whole' ? withDefaults(id, found.value) : undefined;
    const reason = found.state === 'damaged' ? found.reason : savedStateProblem(id, said);
    if (reason !== null) {
      damaged.set(id, { id, reason, said });
      return;
    }
    damaged.delete(id);
    whole.set(id, said as SavedState);
    try {
      this.save(said as SavedState);
      rmSync(this.#oldFileOf(id));
    } catch (error) {
      throw cannotWrite(id, error);
    }
  }

  /**
   * Restores the containers of which a restart of the machine has left only the lasting copies. A copy that cannot be
   * read is counted as damaged.
   */
  async #restore({ whole, damaged }: Loading): Promise<SavedState[]> {
    const texts = await this.#lasting?.load();
    const restored: SavedState[] = [];
    for (const [id, text] of texts ?? []) {
      const there = whole.get(id);
      if (there !== undefined) this.#lasting?.know(there);
      if (there !== undefined || damaged.has(id)) continue;
      const said = text === null ? undefined : withDefaults(id, parsed(text));
      const reason = savedStateProblem(id, said);
      if (reason !== null) damaged.set(id, { id, reason, said });
      else restored.push(said as SavedState);
    }
    for (const saved of restored) this.#lasting?.know(saved);
    return restored;
  }

  #ids(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      return this.#cannotRead(error);
    }
  }

  #cannotRead(error: unknown): never {
    throw new NiwaError('HOST_ERROR', `cannot read ${this.#directory}: ${messageOf(error)}`, { cause: error });
  }

  #oldFileOf(id: string): string {
    return `${this.directoryOf(id)}/${OLD_FILE}`;
  }

  #asideOf(name: string): string {
    mkdirSync(this.#aside, { recursive: true, mode: 0o700 });
    return join(this.#aside, name);
  }

  #keepForOperator(name: string, bytes: Buffer): string | null {
    try {
      const path = this.#asideOf(name);
      writeFileSync(path, bytes, { mode: 0o600 });
      return path;
    } catch {
      return null;
    }
  }

  #tryToRemove(id: string): void {
    try {
      this.remove(id);
    } catch {
      // the next daemon removes the rest
    }
  }
}

function runOf({ run, spec }: SavedState): Run {
  return { id: spec.id, run, spec };
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
