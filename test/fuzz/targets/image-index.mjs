// @ts-check
// What the files of an image say: {"index.json": ..., "blobs/sha256/DIGEST": ...}. That digests and sizes are right is
// taken for granted, since else no change would be seen. The same input is read as the index of an image store.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIndex } from '../../../dist/images/index-file.js';
import { findImages } from '../../../dist/images/layout.js';
import { NiwaError } from '../../../dist/protocol/errors.js';
import { temporaryFolder } from '../temporary.mjs';

const PLATFORM = { os: 'linux', architecture: 'amd64' };
/** As src/images/spool.ts bounds them. */
const MAX_READ_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 4096;
const DIGEST = /^blobs\/sha256\/([0-9a-f]{64})$/;
const stored = join(temporaryFolder(), 'index.json');

/** @type {import('../worker.mjs').Target} */
export default { run, maxBytes: 64 * 1024, maxCpuMs: 1000, json: true };

/** @param {Buffer} input */
async function run(input) {
  const files = filesOf(input);
  const images = await findImages(contentsOf(files), PLATFORM);
  const layers = images.map((image) => image.layers.length);
  return `${readStored(input)} ${layers}`.slice(0, 100);
}

/**
 * @param {Buffer} input
 * @returns {Map<string, unknown>}
 */
function filesOf(input) {
  try {
    return new Map(Object.entries(JSON.parse(input.toString()) ?? {}));
  } catch {
    return new Map();
  }
}

/**
 * @param {Map<string, unknown>} files
 * @returns {import('../../../dist/images/layout.js').Contents}
 */
function contentsOf(files) {
  let left = MAX_READ_BYTES;
  return {
    find(path) {
      const sha256 = DIGEST.exec(path)?.[1] ?? '';
      return files.has(path) ? { file: path, bytes: 1, sha256 } : undefined;
    },
    async read({ file }) {
      const bytes = Buffer.from(JSON.stringify(files.get(file)) ?? '');
      left -= Math.max(bytes.length, READ_BYTES);
      if (left < 0) throw new NiwaError('IMAGE_INVALID', 'too much is read');
      return bytes;
    },
  };
}

/** @param {Buffer} input */
function readStored(input) {
  writeFileSync(stored, input);
  try {
    return Object.keys(readIndex(stored).images).length > 0;
  } catch (error) {
    if (error instanceof NiwaError) return error.code;
    throw error;
  }
}
