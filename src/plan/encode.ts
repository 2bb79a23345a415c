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

/** An argument of an operation. */
export type Argument = number | bigint | string;

/** A program of which each start fills in some arguments. */
export interface OpenProgram {
  /** How many operations it has. */
  readonly count: number;
  /** Its bytes in the layout of native/boot/program.h, without the header; and in between what is filled in. */
  readonly pieces: readonly (Uint8Array | Hole)[];
}

/** The place of an argument that each start fills in. */
export interface Hole {
  /** What stands for the argument until then: a number for a number, a string for a string. */
  readonly blank: number | string;
}

/**
 * Writes a boot program in the layout of native/boot/program.h.
 * @returns the bytes that the helper reads from its control socket
 */
export function encodeProgram(ops: readonly Op[]): Uint8Array {
  return joined(ops.length, [encodeOps(ops)]);
}

/**
 * Writes a program once for many starts.
 * @param isOpen says of an argument whether each start fills it in
 */
export function openProgram(ops: readonly Op[], isOpen: (argument: Argument) => boolean): OpenProgram {
  const pieces: (Uint8Array | Hole)[] = [];
  let settled: Uint8Array[] = []; // since the last hole; joined once, since each join copies
  const join = () => {
    if (settled.length > 0) pieces.push(Buffer.concat(settled));
    settled = [];
  };
  for (const op of ops) {
    for (const piece of cut(op, isOpen)) {
      if (piece instanceof Uint8Array) {
        settled.push(piece);
        continue;
      }
      join();
      pieces.push(piece);
    }
  }
  join();
  return { count: ops.length, pieces };
}

/**
 * Gives the program of one start: what {@link encodeProgram} gives of its operations.
 * @param fill gives the argument for what stands in its place
 */
export function fillProgram(
  { count, pieces }: OpenProgram,
  fill: (blank: Hole['blank']) => number | string,
): Uint8Array {
  return joined(
    count,
    pieces.map((piece) => (piece instanceof Uint8Array ? piece : fill(piece.blank))),
  );
}

/** Cuts the bytes of an operation at its open arguments. */
function* cut(op: Op, isOpen: (argument: Argument) => boolean): Iterable<Uint8Array | Hole> {
  const bytes = encodeOps([op]);
  let [from, at] = [0, OP_BYTES];
  for (const argument of [...op.numbers, ...op.strings]) {
    const end = at + bytesOf(argument);
    if (isOpen(argument)) {
      yield bytes.subarray(from, at);
      yield { blank: typeof argument === 'bigint' ? Number(argument) : argument };
      from = end;
    }
    at = end;
  }
  yield bytes.subarray(from);
}

/** Joins a program of bytes and of arguments that are not written yet. */
function joined(count: number, pieces: readonly (Uint8Array | number | string)[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += typeof piece === 'object' ? piece.length : bytesOf(piece);
  const program = Buffer.allocUnsafe(HEADER_BYTES + length); // all of it is written
  const view = viewOf(program);
  view.setUint32(0, MAGIC, LITTLE);
  view.setUint32(4, count, LITTLE);
  view.setUint32(8, length, LITTLE);
  let at = HEADER_BYTES;
  for (const piece of pieces) {
    if (typeof piece !== 'object') {
      at = put(piece, program, view, at);
      continue;
    }
    program.set(piece, at);
    at += piece.length;
  }
  return program;
}

/** Writes some operations of a program. */
function encodeOps(ops: readonly Op[]): Uint8Array {
  let length = 0;
  for (const { numbers, strings } of ops) {
    length += OP_BYTES + 8 * numbers.length;
    for (const text of strings) length += bytesOf(text);
  }
  const bytes = Buffer.allocUnsafe(length); // all of it is written
  const view = viewOf(bytes);
  let at = 0;
  for (const op of ops) at = encodeOp(op, bytes, view, at);
  return bytes;
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

function bytesOf(argument: Argument): number {
  return typeof argument === 'string' ? 4 + Buffer.byteLength(argument) + 1 : 8;
}

/**
 * Writes one operation at the offset `start`; gives the offset after it.
 * @throws NiwaError SPEC_INVALID for more numbers than the layout has room for
 */
function encodeOp({ name, numbers, strings }: Op, buffer: Buffer, view: DataView, start: number): number {
  if (numbers.length > MOST_NUMBERS)
    throw new NiwaError('SPEC_INVALID', `${name} has ${numbers.length} numbers, and may have ${MOST_NUMBERS}`);
  view.setUint16(start, OP_CODES[name], LITTLE);
  view.setUint16(start + 2, numbers.length, LITTLE);
  view.setUint32(start + 4, strings.length, LITTLE);
  let at = start + OP_BYTES;
  for (const number of numbers) at = put(number, buffer, view, at);
  for (const text of strings) at = put(text, buffer, view, at);
  return at;
}

/** Writes an argument at the offset `at`; gives the offset after it. */
function put(argument: Argument, buffer: Buffer, view: DataView, at: number): number {
  if (typeof argument !== 'string') {
    setUint64(view, at, argument);
    return at + 8;
  }
  const bytes = buffer.write(argument, at + 4);
  view.setUint32(at, bytes, LITTLE);
  const end = at + 4 + bytes;
  buffer[end] = 0;
  return end + 1;
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
