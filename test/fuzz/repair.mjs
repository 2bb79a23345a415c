// @ts-check
import { crc32 } from 'node:zlib';

/**
 * Sets the checksum of each line that has one.
 * @param {Buffer} input
 */
export function repairLines(input) {
  return Buffer.concat(
    input
      .toString('latin1')
      .split('\n')
      .flatMap((line, i) => [Buffer.from(i === 0 ? '' : '\n'), repaired(Buffer.from(line, 'latin1'))]),
  );
}

/** @param {Buffer} line */
function repaired(line) {
  const at = line.lastIndexOf(',"crc32":"');
  if (at < 0) return line;
  const text = line.subarray(0, at);
  return Buffer.concat([text, Buffer.from(`,"crc32":"${crc32(text).toString(16).padStart(8, '0')}"}`)]);
}
