import { spawn } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { messageOf, NiwaError } from '../protocol/errors.js';

/**
 * Opens an image for import, as the stream of a tar: a tar file, `-` for standard input, or a directory, which tar(1)
 * packs during the import.
 * @throws NiwaError SPEC_INVALID
 */
export function openSource(path: string): Readable {
  if (path === '-') return process.stdin;
  return isDirectory(path) ? pack(path) : createReadStream(path, { highWaterMark: 1024 * 1024 });
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `cannot read the image ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function pack(directory: string): Readable {
  const tar = spawn('tar', ['--create', '--directory', directory, '--file', '-', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  tar.once('error', (error) => tar.stdout.destroy(error));
  tar.once('exit', (status) => {
    if (status !== 0) tar.stdout.destroy(new NiwaError('HOST_ERROR', `tar cannot pack ${directory}`));
  });
  return tar.stdout;
}
