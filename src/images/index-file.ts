import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { NiwaError } from '../errors.js';

/** The index of an image store, and files that outlast a crash of the machine. */

const VERSION = 1;

/** What the index says; digests are hexadecimal. */
export interface Index {
  version: number;
  /** The image that each name means. */
  names: Record<string, { id: string; importedAt: string }>;
  /** The layers of each image by their chain ids, the lowest first; by the digests of their tars where an earlier version wrote it. */
  images: Record<string, { layers: string[] }>;
  /** The bytes of the files of each layer. */
  layers: Record<string, { bytes: number }>;
}

/**
 * Reads the index; an empty one where there is no file.
 * @throws NiwaError HOST_ERROR where it is of another version: images must not be taken for lost
 */
export function readIndex(path: string): Index {
  if (!existsSync(path)) return { version: VERSION, names: {}, images: {}, layers: {} };
  const index = JSON.parse(readFileSync(path, 'utf8')) as Index;
  if (index.version !== VERSION)
    throw new NiwaError(
      'HOST_ERROR',
      `${path} is of version ${index.version}, this niwad knows ${VERSION}: move its directory away`,
    );
  return index;
}

/** Replaces a file in one step that a crash of the machine cannot tear. Throws what the file system does. */
export function writeSynced(path: string, bytes: Buffer): void {
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDirectory(join(path, '..'));
}

/** Makes the names in a directory safe from a crash of the machine. Throws what the file system does. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
