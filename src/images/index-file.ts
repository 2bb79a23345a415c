import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { NiwaError } from '../errors.js';
import { loadNow } from '../host/stored-file.js';
import { problemsOf } from '../spec/check.js';

/** The index of an image store, and writes that survive a crash of the machine. */

const VERSION = 1;

const IndexSchema = Type.Object({
  version: Type.Literal(VERSION),
  names: Type.Record(Type.String(), Type.Object({ id: Type.String(), importedAt: Type.String() })),
  images: Type.Record(Type.String(), Type.Object({ layers: Type.Array(Type.String()) })),
  layers: Type.Record(Type.String(), Type.Object({ bytes: Type.Number() })),
});

/**
 * The index; digests are hexadecimal. `names`: the image of each name. `images`: the chain ids of the layers of each image, the lowest first
 * (the digests of their tars, where an earlier version wrote it). `layers`: the bytes of the files of each layer.
 */
export type Index = Static<typeof IndexSchema>;

/**
 * Reads the index; an empty one where there is no file.
 * @throws NiwaError HOST_ERROR where it is damaged, cannot be read or is of another version: images must not be taken for lost
 */
export function readIndex(path: string): Index {
  const found = loadNow(path, parseIndex);
  if (found.state === 'whole') return found.value;
  if (found.state === 'missing') return { version: VERSION, names: {}, images: {}, layers: {} };
  throw new NiwaError(
    'HOST_ERROR',
    `cannot use the index of the images ${path}: ${found.reason}. Put a copy of it back; or stop niwad, move the directory away, and import the images again.`,
  );
}

function parseIndex(text: string): Index {
  const value = JSON.parse(text) as unknown;
  const [problem] = problemsOf(IndexSchema, value);
  if (problem !== undefined) throw new Error(`${problem.path}: found ${problem.found}, not ${problem.allowed}`);
  return value as Index;
}

/** Replaces a file by a synced rename: after a crash of the machine it has the old or the new content. @throws what node:fs throws */
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

/** Syncs a directory: its names survive a crash of the machine. @throws what node:fs throws */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
