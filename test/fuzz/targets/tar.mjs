// @ts-check
// A tar of a layer. What comes out of it is no more than what went in, and at its place in a file.
import assert from 'node:assert/strict';
import { readTar } from '../../../dist/images/tar/reader.js';

const BLOCK = 512;
const CHECKSUM = 148;
const PIECE_BYTES = 1000;

/** @type {import('../worker.mjs').Target} */
export default { run, repair, maxBytes: 256 * 1024, maxCpuMs: 100 };

/** @param {Buffer} input */
async function run(input) {
  const types = new Set();
  let left = input.length;
  for await (const { entry, contents } of readTar(pieces(input))) {
    const { type, path, target, size, uid, gid, xattrs } = entry;
    assert.ok(path !== '' && !`${path}${target}`.includes('\0'));
    assert.ok([size, uid, gid].every((value) => Number.isSafeInteger(value) && value >= 0));
    assert.ok(Number.isSafeInteger(entry.mtimeSec) && entry.mtimeNsec >= 0 && entry.mtimeNsec < 1e9);
    let end = 0;
    if (path.length % 8 < 7)
      // else it is passed over
      for await (const { offset, data } of contents) {
        assert.ok(offset >= end && offset + data.length <= size);
        end = offset + data.length;
        left -= data.length;
      }
    assert.ok(left >= 0);
    types.add(`${type} ${xattrs.length > 0} ${end < size} ${path.length > 100}`);
  }
  return [...types].sort().join();
}

/** @param {Buffer} input */
async function* pieces(input) {
  for (let at = 0; at < input.length; at += PIECE_BYTES) yield input.subarray(at, at + PIECE_BYTES);
}

/**
 * Fills up to whole blocks, and sets the checksum of each block that looks like a header.
 * @param {Buffer} input
 */
function repair(input) {
  const bytes = Buffer.concat([input, Buffer.alloc((BLOCK - (input.length % BLOCK)) % BLOCK)]);
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', CHECKSUM, CHECKSUM + 8);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1');
  }
  return bytes;
}
