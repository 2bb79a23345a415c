import { createHash } from 'node:crypto';
import { closeSync, constants, ftruncate, write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { cureOfShortage } from '../host/errors.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError, type KernelError } from '../kernel/errors.js';
import type { LayerEntry, MadeEntry } from '../kernel/layers.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { breather } from './breather.js';
import { DeviceFiles } from './device-files.js';
import { type Budget, spend, tooLarge } from './limits.js';
import type { Piece, TarEntry } from './tar/entry.js';
import { readTar } from './tar/reader.js';
import { translate } from './translate.js';

const writeAt = promisify(write);
const truncate = promisify(ftruncate);

/**
 * Each file counts so many bytes beside its content: else an image of empty files could fill the disk with inodes and
 * names.
 */
const ENTRY_BYTES = 512;

/** Where and how a layer is unpacked. */
export interface Unpacking {
  /** An empty directory. Nothing outside of it is changed, whatever the tar says. */
  directory: string;
  /** The directories of the layers below this one, the topmost first. */
  below: readonly string[];
  /** What is left of the limits of the image. The use of this layer is taken from it. */
  budget: Budget;
  /** Called with the number of bytes written to files so far. */
  report(bytes: number): void;
  /** Called with a warning about device files that were not made. */
  warn(text: string): void;
}

/**
 * Unpacks the tar of a layer into the form of an upper layer of overlayfs. A tar may leave out what the layers below
 * have: the attributes of a directory, the target of a symbolic link in a path, the file of a hard link. These are
 * taken from the layers below.
 * @returns the bytes of its files, and the hexadecimal sha256 of the tar
 * @throws NiwaError IMAGE_INVALID, HOST_ERROR
 */
export async function unpackLayer(
  tar: AsyncIterable<Buffer>,
  { directory, below, budget, report, warn }: Unpacking,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const devices = new DeviceFiles();
  const layers = await openAll([directory, ...below]);
  const maker = new Maker(
    layers.map(({ fd }) => fd),
    budget,
    report,
  );
  try {
    await maker.begin();
    const breathe = breather();
    for await (const { entry, contents } of readTar(hashed(tar, hash))) {
      await breathe();
      spend(budget, ENTRY_BYTES);
      const made = translate(entry);
      if (made !== null && !devices.leaveOut(made, entry)) await maker.make(made, entry, contents);
    }
    await maker.end();
  } finally {
    await Promise.all(layers.map((layer) => layer.close()));
  }
  if (devices.text !== null) warn(devices.text);
  return { bytes: maker.bytes, sha256: hash.digest('hex') };
}

async function openAll(directories: readonly string[]): Promise<FileHandle[]> {
  const opened: FileHandle[] = [];
  try {
    for (const path of directories) opened.push(await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
    return opened;
  } catch (error) {
    await Promise.all(opened.map((handle) => handle.close()));
    throw new NiwaError('HOST_ERROR', `cannot open a layer: ${messageOf(error)}`, { cause: error });
  }
}

async function* hashed(tar: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const piece of tar) {
    hash.update(piece);
    yield piece;
  }
}

/** Makes the files of one layer. */
class Maker {
  /** The bytes of its files so far. */
  bytes = 0;
  /** Descriptors of directories: the layer's own, then those of the layers below, the topmost first. */
  readonly #layers: readonly number[];
  readonly #budget: Budget;
  readonly #report: (bytes: number) => void;
  /**
   * The directories by path. Their times are set at the end, since each file that is made in a directory changes its
   * time.
   */
  readonly #directories = new Map<string, LayerEntry>();

  constructor(layers: readonly number[], budget: Budget, report: (bytes: number) => void) {
    this.#layers = layers;
    this.#budget = budget;
    this.#report = report;
  }

  async begin(): Promise<void> {
    const root = directoryEntry(Buffer.alloc(0));
    this.#count(root, await kernel.layers.begin(this.#layers).catch(refusal(root)));
  }

  async make(made: LayerEntry, entry: TarEntry, contents: AsyncIterable<Piece>): Promise<void> {
    const maxBytes = Math.max(0, this.#budget.bytes);
    const result = await kernel.layers.make(this.#layers, made, maxBytes).catch(refusal(made));
    try {
      this.#count(made, result);
      if (made.kind === 'file') await this.#fill(result.fd, made, entry, contents);
    } finally {
      if (result.fd >= 0) closeSync(result.fd);
    }
  }

  /** Sets the times of the directories, and syncs the file system. */
  async end(): Promise<void> {
    const [root = -1] = this.#layers;
    for (const made of this.#directories.values()) await kernel.layers.setTime(root, made).catch(refusal(made));
    await kernel.layers.sync(root);
  }

  /** Counts what had to be made beside the entry itself, and keeps the times of directories for the end. */
  #count({ kind }: LayerEntry, { directories, copiedBytes }: MadeEntry): void {
    const missing = directories.length - (kind === 'directory' ? 1 : 0);
    spend(this.#budget, ENTRY_BYTES * missing + copiedBytes, missing);
    this.bytes += copiedBytes;
    for (const { path, ...time } of directories)
      this.#directories.set(path.toString('latin1'), { ...directoryEntry(path), ...time });
  }

  async #fill(fd: number, made: LayerEntry, { size }: TarEntry, contents: AsyncIterable<Piece>): Promise<void> {
    try {
      for await (const { offset, data } of contents) {
        spend(this.#budget, data.length, 0);
        this.bytes += data.length;
        this.#report(this.bytes);
        for (let done = 0; done < data.length; )
          done += (await writeAt(fd, data, done, data.length - done, offset + done)).bytesWritten;
      }
      await truncate(fd, size); // makes the hole at the end of a sparse file
    } catch (error) {
      if (error instanceof NiwaError) throw error;
      throw new NiwaError('HOST_ERROR', `cannot write ${nameOf(made)} of a layer: ${messageOf(error)}`, {
        cause: error,
      });
    }
    await kernel.layers.finish(fd, made).catch(refusal(made));
  }
}

function directoryEntry(path: Buffer): LayerEntry {
  const target = Buffer.alloc(0);
  return { kind: 'directory', path, target, mode: 0, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, xattrs: [] };
}

/**
 * Errnos of a file system that cannot make such a file. For a hard link, they mean that the layer asks for a forbidden
 * link.
 */
const REFUSED = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP'];

/** Gives a handler that turns an error of the kernel into one that names the entry. */
function refusal(made: LayerEntry): (error: unknown) => never {
  return (error) => {
    throw isKernelError(error) ? failure(made, error) : error;
  };
}

function failure(made: LayerEntry, cause: KernelError): NiwaError {
  const { errno } = cause;
  if (errno === 'EFBIG') return tooLarge('maxBytes');
  const what = `cannot make the ${made.kind} ${nameOf(made)} of a layer: ${errno}`;
  const cure = cureOfShortage(errno);
  if (cure !== undefined) return new NiwaError('HOST_ERROR', `${what}; ${cure}`, { cause });
  if (REFUSED.includes(errno) && made.kind !== 'link') return new NiwaError('HOST_ERROR', what, { cause });
  return new NiwaError('IMAGE_INVALID', `${what}; the layer contradicts itself`, { cause });
}

function nameOf({ path }: LayerEntry): string {
  return JSON.stringify(path.toString('utf8'));
}
