import { endianness } from 'node:os';
import { NiwaError } from '../protocol/errors.js';
import { OP_CODES, type Op } from './op.js';

const MAGIC = 0x6177696e;
const HEADER_BYTES = 12;
/** The size of an operation without its numbers and strings. */
const OP_BYTES = 8;
/** Their count has 16 bits: of a greater one the rest of the numbers would be read as operations. */
const MOST_NUMBERS = 0xffff;
const LITTLE = endianness() === 'LE';

/** What the boot program reads of an operation. */
export type Encodable = Omit<Op, 'text'>;

/** Operations that follow each other in a program, in the layout of native/boot/program.h. */
export interface EncodedOps {
  count: number;
  bytes: Uint8Array;
}

/**
 * Writes a boot program in the layout of native/boot/program.h.
 * @returns the bytes that the helper reads from its control socket
 */
export function encodeProgram(ops: readonly Op[]): Uint8Array {
  return joinOps([encodeOps(ops)]);
}

/** Makes a boot program of all its operations, as {@link encodeProgram}. */
export function joinOps(parts: readonly EncodedOps[]): Uint8Array {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const length = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const program = new Uint8Array(HEADER_BYTES + length);
  const view = new DataView(program.buffer);
  [MAGIC, count, length].forEach((word, i) => {
    view.setUint32(4 * i, word, LITTLE);
  });
  let at = HEADER_BYTES;
  for (const { bytes } of parts) {
    program.set(bytes, at);
    at += bytes.length;
  }
  return program;
}

/** Writes some operations of a program. */
export function encodeOps(ops: readonly Encodable[]): EncodedOps {
  const strings = ops.map((op) => op.strings.map((text) => Buffer.byteLength(text)));
  const length = ops.reduce((sum, { numbers }, i) => sum + bytesOf(numbers.length, strings[i] ?? []), 0);
  const bytes = Buffer.alloc(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let at = 0;
  ops.forEach((op, i) => {
    at = encodeOp(op, strings[i] ?? [], bytes, view, at);
  });
  return { count: ops.length, bytes };
}

function bytesOf(numbers: number, strings: readonly number[]): number {
  return OP_BYTES + 8 * numbers + strings.reduce((sum, bytes) => sum + 4 + bytes + 1, 0);
}

/**
 * Writes one operation at the offset `start`, with the given lengths of its strings; gives the offset after it.
 * @throws NiwaError SPEC_INVALID for more numbers than the layout has room for
 */
function encodeOp(op: Encodable, lengths: readonly number[], buffer: Buffer, view: DataView, start: number): number {
  if (op.numbers.length > MOST_NUMBERS)
    throw new NiwaError('SPEC_INVALID', `${op.name} has ${op.numbers.length} numbers, and may have ${MOST_NUMBERS}`);
  view.setUint16(start, OP_CODES[op.name], LITTLE);
  view.setUint16(start + 2, op.numbers.length, LITTLE);
  view.setUint32(start + 4, op.strings.length, LITTLE);
  let at = start + OP_BYTES;
  for (const number of op.numbers) {
    setUint64(view, at, number);
    at += 8;
  }
  op.strings.forEach((text, i) => {
    const bytes = lengths[i] ?? 0;
    view.setUint32(at, bytes, LITTLE);
    buffer.write(text, at + 4);
    at += 4 + bytes + 1;
  });
  return at;
}

/**
 * Writes an integer of 64 bits. One that needs no bigint is written without it: most are small ids and flags.
 * @throws RangeError for a number that is no integer
 */
function setUint64(view: DataView, at: number, number: number | bigint): void {
  if (typeof number === 'bigint' || number < 0 || !Number.isSafeInteger(number)) {
    view.setBigUint64(at, BigInt(number), LITTLE);
    return;
  }
  const [low, high] = LITTLE ? [at, at + 4] : [at + 4, at];
  view.setUint32(low, number % 2 ** 32, LITTLE);
  view.setUint32(high, Math.floor(number / 2 ** 32), LITTLE);
}
