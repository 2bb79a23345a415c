import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { unlinkIfThere } from './directory.js';
import { load, syncDirectory, writeSynced } from './stored-file.js';

/** A file that cannot be used. */
export interface DamagedRecord {
  name: string;
  reason: string;
  /** Where the file is now; null where it could not be moved. */
  file: string | null;
}

/** Records of one kind, a JSON file for each in a directory: they survive a crash and a reboot of the machine. */
export class StoredRecords<T> {
  readonly #directory: string;
  readonly #kind: string;
  readonly #parse: (name: string, value: unknown) => T;

  /**
   * @param directory made if it is missing
   * @param kind for messages, such as "service"
   * @param parse makes a record of what was saved. The error that it throws says what is damaged
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string, kind: string, parse: (name: string, value: unknown) => T) {
    this.#directory = directory;
    this.#kind = kind;
    this.#parse = parse;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Writes a record; when this returns, a crash of the machine does not lose it.
   * @throws NiwaError HOST_ERROR; then the file is as before
   */
  save(name: string, value: object): void {
    try {
      writeSynced(this.#fileOf(name), Buffer.from(JSON.stringify(value)));
    } catch (cause) {
      throw new NiwaError(
        'HOST_ERROR',
        `cannot write ${this.#kind} ${name}: ${messageOf(cause)}. The state directory has to be writable and to have room.`,
        { cause },
      );
    }
  }

  /** Removes a record. Throws the errors of the file system. */
  remove(name: string): void {
    unlinkIfThere(this.#fileOf(name));
    syncDirectory(this.#directory);
  }

  /**
   * Reads all records. Files that cannot be used are moved to `damaged/` in the directory, for the operator.
   * @throws NiwaError HOST_ERROR where the directory cannot be read: no record must be taken for removed
   */
  async load(): Promise<{ whole: T[]; damaged: DamagedRecord[] }> {
    const whole: T[] = [];
    const damaged: DamagedRecord[] = [];
    for (const name of this.#names()) {
      const found = await load(this.#fileOf(name), (text) => this.#parse(name, JSON.parse(text)));
      if (found.state === 'whole') whole.push(found.value);
      if (found.state === 'damaged') damaged.push({ name, reason: found.reason, file: this.#setAside(name) });
    }
    return { whole, damaged };
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory)
        .filter((file) => file.endsWith('.json'))
        .map((file) => file.slice(0, -'.json'.length))
        .sort();
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot read ${this.#directory}: ${messageOf(cause)}`, { cause });
    }
  }

  #setAside(name: string): string | null {
    const directory = join(this.#directory, 'damaged');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      renameSync(this.#fileOf(name), join(directory, `${name}.json`));
      return join(directory, `${name}.json`);
    } catch {
      return null;
    }
  }

  #fileOf(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}
