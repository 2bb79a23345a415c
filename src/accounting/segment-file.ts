import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import type { AppendFailure, Named } from '../kernel/records.js';

const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
const COPY_BYTES = 1024 * 1024;

/** The part of the kernel's side that writes records. */
export type RecordKernel = Pick<Kernel, 'records'>;

/** The last segment of a ledger as an open file. */
export class SegmentFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #kernel: RecordKernel;

  private constructor(path: string, file: FileHandle, kernel: RecordKernel) {
    this.path = path;
    this.#file = file;
    this.#kernel = kernel;
  }

  /** Opens a file that exists. @throws what node:fs throws */
  static async open(path: string, kernel: RecordKernel): Promise<SegmentFile> {
    return new SegmentFile(path, await open(path, 'a+', FILE_MODE), kernel);
  }

  /**
   * Makes a new file, and its directory where that is missing.
   * @throws what node:fs throws; EEXIST where the file exists
   */
  static async make(path: string, kernel: RecordKernel): Promise<SegmentFile> {
    await makeDirectory(dirname(path));
    return new SegmentFile(path, await open(path, 'ax+', FILE_MODE), kernel);
  }

  /** Gives the size of the file. @throws what node:fs throws */
  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  /** Appends bytes. They are on disk only after {@link sync}. @throws what node:fs throws */
  async append(bytes: Buffer): Promise<void> {
    await this.#file.appendFile(bytes);
  }

  /** Puts all appended bytes on disk. @throws an error as node:fs throws it */
  async sync(): Promise<void> {
    const synced = await this.commit(Buffer.alloc(0), 0);
    if ('code' in synced) throw systemError(synced);
  }

  /**
   * Appends bytes, puts them on disk, and looks what the path names then, see Records.append.
   * @param end the size of the file with the bytes
   * @param ended the containers whose final records the bytes contain
   */
  async commit(bytes: Buffer, end: number, ended: readonly Handle[] = []): Promise<Named | AppendFailure> {
    return await this.#kernel.records.append({ fd: this.#file.fd, path: this.path, end }, bytes, ended);
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

/** Makes of a failed append the error that node:fs throws for such a call. */
export function systemError({ code, written }: AppendFailure): Error {
  return Object.assign(new Error(`${code}, ${written ? 'fdatasync' : 'write'}`), { code });
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
