import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { breather } from './breather.js';
import { decompressedBy } from './decompress-program.js';
import { tooLarge } from './limits.js';
import { blocksOf } from './zstd-frames.js';

type Decompressor = (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>;

/** For each format, its first bytes in hexadecimal digits. A zstd file may begin with a skippable frame. */
const FORMATS: [RegExp, Decompressor][] = [
  [/^1f8b/, gunzip],
  [/^(28b52ffd|5.2a4d18)/, unzstd],
  [/^fd377a585a00/, (source) => decompressedBy('xz', source)],
  [/^425a683[1-9](314159265359|177245385090)/, (source) => decompressedBy('bzip2', source)],
];
const MAGIC_BYTES = 10;

/**
 * Decompresses a tar, whether by gzip, zstd, xz, bzip2 or not at all. The first bytes decide, and not what a manifest
 * says.
 * @param maxBytes the most bytes of the decompressed tar, since a small file may decompress to any size
 * @throws NiwaError IMAGE_INVALID where the file is damaged or too large, HOST_ERROR where a program for it is missing
 */
export async function* decompressed(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  const { first, all } = await peek(source);
  const magic = first.toString('hex', 0, MAGIC_BYTES);
  const decompress = FORMATS.find(([pattern]) => pattern.test(magic))?.[1];
  const breathe = breather();
  let bytes = 0;
  try {
    for await (const piece of decompress?.(all) ?? all) {
      await breathe();
      bytes += piece.length;
      if (bytes > maxBytes) throw tooLarge('maxBytes');
      yield piece;
    }
  } catch (error) {
    if (error instanceof NiwaError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new NiwaError('IMAGE_INVALID', `the image cannot be decompressed: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Gives the first piece, of at least {@link MAGIC_BYTES} where the source has so many, and all pieces, the first
 * included.
 */
async function peek(source: AsyncIterable<Buffer>): Promise<{ first: Buffer; all: AsyncGenerator<Buffer> }> {
  const pieces = source[Symbol.asyncIterator]();
  let first: Buffer = Buffer.alloc(0);
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    first = Buffer.concat([first, next.value]);
    if (first.length >= MAGIC_BYTES) break;
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

/**
 * Decompresses zstd in JavaScript, since Node.js can do it only from version 22.15 on. A file may consist of several
 * frames.
 */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const ready: Uint8Array[] = [];
  const stream = new Decompress((chunk) => ready.push(chunk));
  for await (const piece of blocksOf(source)) {
    stream.push(piece);
    for (const chunk of ready.splice(0)) yield Buffer.from(chunk);
  }
  stream.push(new Uint8Array(0), true);
  for (const chunk of ready.splice(0)) yield Buffer.from(chunk);
}
