import { mkdirSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { unlinkIfThere } from '../../host/directory.js';
import { fileBytes, readPatiently } from '../../host/stored-file.js';

const SUFFIX = '.ndjson';

/** The files of the segments of a journal, each with a number. All methods throw what node:fs throws. */
export class SegmentFiles {
  readonly #directory: string;
  readonly #aside: string;

  /**
   * @param directory of the segments; made where it is missing
   * @param aside the directory for segments that cannot be read; made when it is needed
   */
  constructor(directory: string, aside: string) {
    this.#directory = directory;
    this.#aside = aside;
    makeDirectory(directory);
  }

  /** Gives the numbers of all segments, in their order. */
  numbers(): number[] {
    const names = readdirSync(this.#directory).filter((name) => /^[0-9]+\.ndjson$/.test(name));
    return names.map((name) => Number(name.slice(0, -SUFFIX.length))).sort((a, b) => a - b);
  }

  /** Makes a new file to append to; also the directory again, where another program has removed it. */
  create(number: number): number {
    const create = () => openSync(this.#pathOf(number), 'ax', 0o600);
    try {
      return create();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      makeDirectory(this.#directory);
      return create();
    }
  }

  /** Gives the size in bytes; 0 where the file has gone. */
  bytesOf(number: number): number {
    return fileBytes(this.#pathOf(number)) ?? 0;
  }

  read(number: number): Buffer {
    return readFileSync(this.#pathOf(number));
  }

  /** Reads a file, see {@link readPatiently}; gives null where it cannot be read. */
  async readPatiently(number: number): Promise<Buffer | null> {
    return await readPatiently(this.#pathOf(number));
  }

  /** It is no error where the file has gone. */
  remove(number: number): void {
    unlinkIfThere(this.#pathOf(number));
  }

  /** Keeps a file that cannot be read for the operator: perhaps niwad was only short of descriptors. */
  putAside(number: number): void {
    makeDirectory(this.#aside);
    renameSync(this.#pathOf(number), join(this.#aside, nameOf(number)));
  }

  #pathOf(number: number): string {
    return join(this.#directory, nameOf(number));
  }
}

function nameOf(number: number): string {
  return `${String(number).padStart(8, '0')}${SUFFIX}`;
}

function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
