import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { messageOf, NiwaError } from '../errors.js';

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * Gives the tar of a layer, which may be compressed by gzip or zstd: its first bytes say so, whatever a manifest says.
 * @throws NiwaError IMAGE_INVALID where it is damaged
 */
export async function* decompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { first, all } = await peek(source);
  try {
    if (first.subarray(0, 2).equals(GZIP)) yield* gunzip(all);
    else if (first.subarray(0, 4).equals(ZSTD)) yield* unzstd(all);
    else yield* all;
  } catch (error) {
    if (error instanceof NiwaError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new NiwaError('IMAGE_INVALID', `a layer cannot be decompressed: ${messageOf(error)}`, { cause: error });
  }
}

/** Gives the first piece, of at least four bytes where there are so many, and everything from there on. */
async function peek(source: AsyncIterable<Buffer>): Promise<{ first: Buffer; all: AsyncGenerator<Buffer> }> {
  const pieces = source[Symbol.asyncIterator]();
  let first: Buffer = Buffer.alloc(0);
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    first = Buffer.concat([first, next.value]);
    if (first.length >= ZSTD.length) break;
  }
  const all = async function* () {
    if (first.length > 0) yield first;
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
  };
  return { first, all: all() };
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const readable = Readable.from(source, { objectMode: false });
  const stream = createGunzip();
  readable.once('error', (error) => stream.destroy(error));
  try {
    yield* readable.pipe(stream) as AsyncIterable<Buffer>;
  } finally {
    readable.destroy();
    stream.destroy();
  }
}

/** In JavaScript, since Node.js has it only from version 22.15 on. Several frames may follow each other. */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const ready: Uint8Array[] = [];
  const stream = new Decompress((chunk) => ready.push(chunk));
  for await (const piece of source) {
    for (let at = 0; at < piece.length; at += ZSTD_STEP_BYTES) {
      stream.push(piece.subarray(at, at + ZSTD_STEP_BYTES));
      for (const chunk of ready.splice(0)) yield Buffer.from(chunk);
    }
  }
  stream.push(new Uint8Array(0), true);
  for (const chunk of ready.splice(0)) yield Buffer.from(chunk);
}

/** A block of four bytes may stand for 128 KiB: what one step gives has to fit into the memory. */
const ZSTD_STEP_BYTES = 2 * 1024;
