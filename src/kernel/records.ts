import type { Handle } from './containers.js';

/** The last segment of the ledger, and the records that are appended to it. */
export interface RecordFile {
  /** Open for appending. The caller keeps it open until the answer has come. */
  fd: number;
  path: string;
  /** The size of the file with the new bytes, in bytes. */
  end: number;
}

/**
 * What the path of an open file names now. `file`: the file, as it was written. `changed`: the file, but with another
 * size, which is given. `gone`: another file, or none.
 */
export type Named = { what: 'file' } | { what: 'changed'; size: number } | { what: 'gone' };

/** Why an append has failed. If all bytes were `written`, the sync failed: nobody knows what is on disk. */
export interface AppendFailure {
  code: string;
  written: boolean;
}

/** Puts the records of the ledger on disk. */
export interface Records {
  /**
   * Appends bytes to a file and puts them on disk (write, fdatasync), then looks what the path names: another program
   * may move, remove or cut the file, and the kernel still takes writes and syncs without an error. All of it is done
   * in one go, on a thread of its own: a disk that hangs stops nothing but the records.
   * @param ended the containers whose final records these are; if the records are on disk and `file` is named, each is
   *   {@link confirm}ed
   * @returns what the path names, or why nothing is acknowledged
   */
  append(file: RecordFile, bytes: Uint8Array, ended: readonly Handle[]): Promise<Named | AppendFailure>;
  /** Tells that the final record of a container is on disk: the container's end goes on. */
  confirm(handle: Handle): void;
}
