import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { NiwaError } from '../protocol/errors.js';
import { breather } from './breather.js';
import type { Blob, Contents } from './layout.js';
import { badTar, type TarEntry } from './tar/entry.js';
import { readTar, type TarMember } from './tar/reader.js';

/** The most bytes of one JSON file of an image; real ones are smaller. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;
/**
 * The most bytes of all reads of one tar together: a tar that names one file a thousand times lets it be read and kept
 * a thousand times.
 */
const MAX_READ_BYTES = 16 * 1024 * 1024;
/** Each read counts as at least so many bytes, since also the read of a small file takes time. */
const READ_BYTES = 4096;
const MAX_MEMBERS = 100_000;
const MAX_LINKS = 8;

/**
 * Writes the files of an image's tar to disk. They cannot be used while the tar is received, since the manifest, which
 * describes them, may be the last file. On disk they have names that niwa chooses, not names from the tar.
 * @param directory an empty directory
 * @param report called with the number of bytes received so far
 * @throws NiwaError IMAGE_INVALID, HOST_ERROR
 */
export async function spool(
  tar: AsyncIterable<Buffer>,
  directory: string,
  report: (bytes: number) => void,
): Promise<Contents> {
  const blobs = new Map<string, Blob>();
  const links = new Map<string, string>();
  let bytes = 0;
  const count = (length: number) => {
    bytes += length;
    report(bytes);
  };
  const breathe = breather();
  for await (const member of readTar(tar)) {
    await breathe();
    const path = pathOf(member.entry);
    if (blobs.size + links.size >= MAX_MEMBERS) throw badTar(`it has more than ${MAX_MEMBERS} files`);
    if (member.entry.type === 'file') blobs.set(path, await keep(member, join(directory, String(blobs.size)), count));
    else if (member.entry.type !== 'directory') links.set(path, linkTarget(member.entry, path));
  }
  const find = (path: string, depth = 0): Blob | undefined => {
    const target = links.get(path);
    return blobs.get(path) ?? (target === undefined || depth > MAX_LINKS ? undefined : find(target, depth + 1));
  };
  return { find: (path) => find(posix.normalize(path)), read: jsonReader() };
}

async function keep({ entry, contents }: TarMember, file: string, count: (length: number) => void): Promise<Blob> {
  const hash = createHash('sha256');
  const handle = await openNew(file);
  let bytes = 0;
  try {
    for await (const { offset, data } of contents) {
      if (offset !== bytes) throw badTar('a part of an image is a sparse file');
      count(data.length);
      hash.update(data);
      bytes += data.length;
      await writeAll(handle, data);
    }
    if (bytes !== entry.size) throw badTar('a part of an image is a sparse file');
  } finally {
    await handle.close();
  }
  return { file, bytes, sha256: hash.digest('hex') };
}

function openNew(file: string): Promise<FileHandle> {
  return open(file, 'wx', 0o600);
}

async function writeAll(handle: FileHandle, data: Buffer): Promise<void> {
  try {
    await handle.writeFile(data); // writes at the current position, and goes on where the kernel wrote only a part
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot keep the image: ${(error as Error).message}`, { cause: error });
  }
}

function pathOf({ path }: TarEntry): string {
  return posix.normalize(path).replace(/\/$/, '');
}

/**
 * Gives the path to which a link leads. `docker save` writes a layer that several images have once, and links to it.
 */
function linkTarget({ type, target }: TarEntry, path: string): string {
  if (type === 'link') return posix.normalize(target);
  if (type === 'symlink') return posix.join(posix.dirname(path), target);
  throw badTar(`${JSON.stringify(path)} is no file`);
}

function jsonReader(): Contents['read'] {
  let left = MAX_READ_BYTES;
  return async ({ file, bytes }) => {
    if (bytes > MAX_JSON_BYTES) throw badTar(`a manifest or configuration has ${bytes} bytes`);
    left -= Math.max(bytes, READ_BYTES);
    if (left < 0) throw badTar('its manifests name each other, or the same configuration, too often');
    return await readFile(file);
  };
}
