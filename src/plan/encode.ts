import { endianness } from 'node:os';
import { OP_CODES, type Op } from './ops.js';

const MAGIC = 0x6177696e;
const HEADER_BYTES = 12;
const LITTLE = endianness() === 'LE';

/**
 * Writes a boot program in the layout of native/boot/program.h.
 * @returns the bytes that the helper reads from its control socket
 */
export function encodeProgram(ops: readonly Op[]): Uint8Array {
  const encoded = ops.map(encodeOp);
  const length = encoded.reduce((sum, bytes) => sum + bytes.length, 0);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  [MAGIC, ops.length, length].forEach((word, i) => {
    header.setUint32(4 * i, word, LITTLE);
  });
  return Buffer.concat([new Uint8Array(header.buffer), ...encoded]);
}

function encodeOp(op: Op): Uint8Array {
  const strings = op.strings.map((text) => Buffer.from(text));
  const bytes = 8 + 8 * op.numbers.length + strings.reduce((sum, text) => sum + 4 + text.length + 1, 0);
  const buffer = Buffer.alloc(bytes);
  const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
  view.setUint16(0, OP_CODES[op.name], LITTLE);
  view.setUint16(2, op.numbers.length, LITTLE);
  view.setUint32(4, strings.length, LITTLE);
  let at = 8;
  for (const number of op.numbers) {
    view.setBigUint64(at, BigInt(number), LITTLE);
    at += 8;
  }
  for (const text of strings) {
    view.setUint32(at, text.length, LITTLE);
    text.copy(buffer, at + 4);
    at += 4 + text.length + 1;
  }
  return buffer;
}
