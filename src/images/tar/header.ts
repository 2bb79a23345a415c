import { badTar } from './entry.js';

/** The size of a tar's blocks, and of its headers. */
export const BLOCK = 512;

/** The fields of a header block as they are stored: pax(1) "ustar Interchange Format", and GNU tar's variant of it. */
export interface Header {
  name: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  type: string;
  linkName: string;
  gnu: boolean;
}

const CHECKSUM = { start: 148, end: 156 };

/**
 * Reads a header block.
 * @returns undefined for a block of zeros, which ends a tar
 * @throws NiwaError IMAGE_INVALID
 */
export function readHeader(block: Buffer): Header | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (number(block, CHECKSUM.start, 8) !== checksumOf(block)) throw badTar('the checksum of a header is wrong');
  const magic = block.toString('latin1', 257, 265);
  const gnu = magic === 'ustar  \0';
  const prefix = magic.startsWith('ustar\0') ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12, true),
    type: String.fromCharCode(block[156] ?? 0),
    linkName: text(block, 157, 100),
    gnu,
  };
}

/** Gives the sum of all bytes of a header; the bytes of the checksum itself count as spaces. */
function checksumOf(block: Buffer): number {
  return block.reduce((sum, byte, i) => sum + (i >= CHECKSUM.start && i < CHECKSUM.end ? 0x20 : byte), 0);
}

/** Gives the text of a field, up to the first NUL. */
function text(block: Buffer, start: number, length: number): string {
  const field = block.toString('latin1', start, start + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

/**
 * Gives the number in a field: octal digits or, where the first bit is set, a big-endian binary number.
 * @throws NiwaError IMAGE_INVALID
 */
export function number(block: Buffer, start: number, length: number, negative = false): number {
  const field = block.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return bigNumber(field, negative);
  const digits = field
    .toString('latin1')
    .replace(/^ +/, '')
    .replace(/[ \0].*$/s, '');
  if (!/^[0-7]*$/.test(digits)) throw badTar('a number in a header is none');
  return Number.parseInt(digits || '0', 8);
}

function bigNumber(field: Buffer, negative: boolean): number {
  const bits = BigInt(field.length * 8 - 1);
  const value = BigInt(`0x${field.toString('hex')}`) & ((1n << bits) - 1n);
  const signed = Number(BigInt.asIntN(Number(bits), value));
  if (!Number.isSafeInteger(signed) || (signed < 0 && !negative)) throw badTar('a number in a header is too large');
  return signed;
}
