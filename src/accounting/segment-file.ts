import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
const COPY_BYTES = 1024 * 1024;

/**
 * What the path of an open file names now. `file`: the file, as it was written. `changed`: the file, but with another
 * size, which is given. `gone`: another file, or none.
 */
export type Named = { what: 'file' } | { what: 'changed'; size: number } | { what: 'gone' };

/**
 * The last segment of a ledger as an open file. Another program may move, remove or cut the file. The kernel then still
 * takes writes and syncs without an error, so the path has to be looked at: {@link named}.
 */
export class SegmentFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #dev: bigint;
  readonly #ino: bigint;

  private constructor(path: string, file: FileHandle, dev: bigint, ino: bigint) {
    this.path = path;
    this.#file = file;
    this.#dev = dev;
    this.#ino = ino;
  }

  /** Opens a file that exists. @throws what node:fs throws */
  static async open(path: string): Promise<SegmentFile> {
    return await SegmentFile.#from(path, 'a+');
  }

  /**
   * Makes a new file, and its directory where that is missing.
   * @throws what node:fs throws; EEXIST where the file exists
   */
  static async make(path: string): Promise<SegmentFile> {
    await makeDirectory(dirname(path));
    return await SegmentFile.#from(path, 'ax+');
  }

  static async #from(path: string, flags: string): Promise<SegmentFile> {
    const file = await open(path, flags, FILE_MODE);
    try {
      const { dev, ino } = await file.stat({ bigint: true });
      return new SegmentFile(path, file, dev, ino);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** Gives the size of the file. @throws what node:fs throws */
  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  /** Appends bytes. They are on disk only after {@link sync}. @throws what node:fs throws */
  async append(bytes: Buffer): Promise<void> {
    await this.#file.appendFile(bytes);
  }

  /** Puts all appended bytes on disk. @throws what node:fs throws */
  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  /** Cuts the file to a size. @throws what node:fs throws */
  async truncate(size: number): Promise<void> {
    await this.#file.truncate(size);
  }

  /**
   * Closes the file. The caller has called {@link sync} before, so an error of the close loses nothing and is not told.
   */
  async close(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  /** Asks by one stat what the path names now. A path for which stat fails counts as `gone`. */
  async named(size: number): Promise<Named> {
    const found = await stat(this.path, { bigint: true }).catch(() => null);
    if (found === null || found.ino !== this.#ino || found.dev !== this.#dev) return { what: 'gone' };
    return found.size === BigInt(size) ? { what: 'file' } : { what: 'changed', size: Number(found.size) };
  }

  /**
   * Appends the first `size` bytes of this file to another file; gives how many bytes this file had.
   * @throws what node:fs throws
   */
  async copyTo(other: SegmentFile, size: number): Promise<number> {
    const buffer = Buffer.allocUnsafe(Math.min(size, COPY_BYTES));
    let copied = 0;
    while (copied < size) {
      const { bytesRead } = await this.#file.read(buffer, 0, Math.min(buffer.length, size - copied), copied);
      if (bytesRead === 0) break;
      await other.append(buffer.subarray(0, bytesRead));
      copied += bytesRead;
    }
    return copied;
  }
}

/** Makes a directory and its missing parents, and syncs each. @throws what node:fs throws */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  if (first === undefined) return;
  for (let made = directory; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/**
 * Syncs a directory. A new name in it is on disk only after that: fsync of the file alone does not do it.
 * @throws what node:fs throws
 */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
