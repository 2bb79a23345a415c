import { createHash } from 'node:crypto';
import { closeSync, constants, ftruncate, type promises, write } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { cureOfShortage, NiwaError } from '../errors.js';
import { errnoName, type LayerEntry, native } from '../native.js';
import { breather } from './breather.js';
import type { Piece, TarEntry } from './tar/entry.js';
import { readTar } from './tar/reader.js';
import { translate } from './translate.js';

/** What an image may take at most. */
export interface ImageLimits {
  /** Of its files, and of the tar that it comes in. */
  maxBytes: number;
  /** Files, directories and links. */
  maxEntries: number;
}

/** What has been used of the limits, over all layers of an image. */
export interface Budget {
  bytes: number;
  entries: number;
}

const writeAt = promisify(write);
const truncate = promisify(ftruncate);

/** A directory entry and an inode take room too, and a bomb may be of them alone. */
const ENTRY_BYTES = 512;

/**
 * Unpacks the tar of a layer into an empty directory, in the form that overlayfs takes for a layer. Nothing outside of the
 * directory is touched, whatever the tar says.
 * @param budget what is left for this image; goes down
 * @param report hears how many bytes of files were written
 * @returns the bytes of its files, and the hexadecimal sha256 of the tar
 * @throws NiwaError IMAGE_INVALID, HOST_ERROR
 */
export async function unpackLayer(
  tar: AsyncIterable<Buffer>,
  directory: string,
  budget: Budget,
  report: (bytes: number) => void,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  let bytes = 0;
  try {
    const directories: LayerEntry[] = [];
    const breathe = breather();
    for await (const { entry, contents } of readTar(hashed(tar, hash))) {
      await breathe();
      spend(budget, ENTRY_BYTES);
      const made = translate(entry);
      if (made === null) continue;
      const counted = count(contents, (length) => {
        spend(budget, length, 0);
        bytes += length;
        report(bytes);
      });
      await make(handle, made, entry, counted);
      if (made.kind === 'directory') directories.push({ ...made, xattrs: [] }); // theirs are set, and may be large
    }
    for (const made of directories.reverse()) {
      await breathe();
      check(made, native.unpackTime(handle.fd, made));
    }
    const errno = await native.syncFileSystem(handle.fd);
    if (errno !== 0) throw new NiwaError('HOST_ERROR', `cannot sync ${directory}: ${errnoName(errno)}`);
  } finally {
    await handle.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function* hashed(tar: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const piece of tar) {
    hash.update(piece);
    yield piece;
  }
}

async function* count(contents: AsyncIterable<Piece>, add: (bytes: number) => void): AsyncGenerator<Piece> {
  for await (const piece of contents) {
    add(piece.data.length);
    yield piece;
  }
}

async function make(
  root: promises.FileHandle,
  made: LayerEntry,
  entry: TarEntry,
  contents: AsyncIterable<Piece>,
): Promise<void> {
  const fd = check(made, native.unpackMake(root.fd, made));
  if (made.kind !== 'file') return;
  try {
    for await (const { offset, data } of contents)
      for (let done = 0; done < data.length; )
        done += (await writeAt(fd, data, done, data.length - done, offset + done)).bytesWritten;
    await truncate(fd, entry.size); // a hole at the end
    check(made, -native.unpackFinish(fd, made));
  } catch (error) {
    if (error instanceof NiwaError) throw error;
    throw new NiwaError('HOST_ERROR', `cannot write ${nameOf(made)} of a layer: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    closeSync(fd);
  }
}

/** What the file system of the images does not do; of a hard link, what the layer may not ask for. */
const REFUSED = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP'];

/** Gives a result of the addon where it is none of its errors. */
function check(made: LayerEntry, result: number): number {
  if (result >= 0) return result;
  const errno = errnoName(-result);
  const what = `cannot make the ${made.kind} ${nameOf(made)} of a layer: ${errno}`;
  const cure = cureOfShortage(errno);
  if (cure !== undefined) throw new NiwaError('HOST_ERROR', `${what}; ${cure}`);
  if (REFUSED.includes(errno) && made.kind !== 'link') throw new NiwaError('HOST_ERROR', what);
  throw new NiwaError('IMAGE_INVALID', `${what}; the layer contradicts itself`);
}

function nameOf({ path }: LayerEntry): string {
  return JSON.stringify(path.toString('utf8'));
}

/** @throws NiwaError IMAGE_INVALID where an image wants more than it may */
function spend(budget: Budget, bytes: number, entries = 1): void {
  budget.bytes -= bytes;
  budget.entries -= entries;
  if (budget.bytes >= 0 && budget.entries >= 0) return;
  const what = budget.bytes < 0 ? 'images.maxBytes' : 'images.maxEntries';
  throw new NiwaError('IMAGE_INVALID', `the image is larger than ${what} of niwad's configuration allows`);
}
