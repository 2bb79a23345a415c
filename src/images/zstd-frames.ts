import { NiwaError } from '../protocol/errors.js';
import { ByteReader } from './tar/bytes.js';

/** Finds the ends of the blocks in zstd files, from the frames as RFC 8878 ("Zstandard Frames") describes them. */

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5; // the upper 28 bits of the magic number; the lower 4 bits may have any value
const START_BYTES = 5;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE = 1;
/**
 * The largest window: the decompressor moves the whole window for each block. The tools that make images use up to 32
 * MiB.
 */
const MAX_WINDOW_BYTES = 32 * 1024 * 1024;

/**
 * Cuts a zstd file into pieces of one or two blocks. Four compressed bytes may become 128 KiB, so the event loop does
 * its other work between two pieces. Damaged bytes are passed on, and the decompressor refuses them.
 * @throws NiwaError IMAGE_INVALID for a window of more than 32 MiB, or a file that ends in a skippable frame
 */
export async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  try {
    for (;;) {
      const start = await reader.take(START_BYTES);
      if (start.length < START_BYTES) return yield start;
      const magic = start.readUInt32LE(0);
      if (magic >>> 4 === SKIPPABLE) yield* skippable(start, reader);
      else if (magic === FRAME) yield* frame(start, reader);
      else return yield start;
    }
  } finally {
    await reader.close();
  }
}

async function* skippable(start: Buffer, reader: ByteReader): AsyncGenerator<Buffer> {
  const head = Buffer.concat([start, await reader.take(8 - START_BYTES)]);
  yield head;
  if (head.length === 8) yield* reader.pieces(head.readUInt32LE(4));
}

async function* frame(start: Buffer, reader: ByteReader): AsyncGenerator<Buffer> {
  const descriptor = start[4] ?? 0;
  const header = await reader.take(headerBytes(descriptor));
  requireWindow(windowOf(descriptor, header));
  yield Buffer.concat([start, header]);
  for (let last = false; !last; ) {
    const head = await reader.take(BLOCK_HEADER_BYTES);
    const bits = head.length < BLOCK_HEADER_BYTES ? 1 : head.readUIntLE(0, BLOCK_HEADER_BYTES);
    last = (bits & 1) === 1;
    const bytes = ((bits >> 1) & 3) === RLE ? 1 : bits >> 3;
    yield Buffer.concat([head, await reader.take(bytes)]);
  }
  if ((descriptor & 4) !== 0) yield await reader.take(CHECKSUM_BYTES);
}

/** Says whether a frame is a single segment: its window is as large as its content, and is not described. */
function isSingle(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0;
}

function contentSizeBytes(descriptor: number): number {
  return [isSingle(descriptor) ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
}

/** Gives the number of bytes between the descriptor of a frame and its first block. */
function headerBytes(descriptor: number): number {
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  return (isSingle(descriptor) ? 0 : 1) + dictionaryBytes + contentSizeBytes(descriptor);
}

function windowOf(descriptor: number, header: Buffer): number {
  if (header.length < headerBytes(descriptor)) return 0;
  if (isSingle(descriptor)) {
    const size = header.subarray(header.length - contentSizeBytes(descriptor));
    return Number(`0x${Buffer.from(size).reverse().toString('hex')}`) + (size.length === 2 ? 256 : 0);
  }
  const base = 2 ** (10 + ((header[0] ?? 0) >> 3));
  return base + (base / 8) * ((header[0] ?? 0) & 7);
}

function requireWindow(bytes: number): void {
  if (bytes <= MAX_WINDOW_BYTES) return;
  const limit = `${MAX_WINDOW_BYTES} bytes are allowed: compress it by a level below 20, without --long`;
  throw new NiwaError('IMAGE_INVALID', `the image is compressed by zstd with a window of ${bytes} bytes; ${limit}`);
}
