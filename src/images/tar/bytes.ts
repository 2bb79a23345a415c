import { badTar } from './entry.js';

/** Reads a stream of any pieces in exact numbers of bytes. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * Gives the next `size` bytes in one buffer; fewer only at the end of the stream.
   * @param size small enough to be held in memory
   */
  async take(size: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      const piece = await this.#some(missing);
      if (piece === null) break;
      pieces.push(piece);
      missing -= piece.length;
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  }

  /**
   * Gives the next `size` bytes in pieces, as the stream gives them.
   * @throws NiwaError IMAGE_INVALID where the stream ends earlier
   */
  async *pieces(size: number): AsyncGenerator<Buffer> {
    for (let missing = size; missing > 0; ) {
      const piece = await this.#some(missing);
      if (piece === null) throw badTar('it ends in the middle of a file');
      missing -= piece.length;
      yield piece;
    }
  }

  /** Skips the next `size` bytes. @throws NiwaError IMAGE_INVALID where the stream ends earlier */
  async skip(size: number): Promise<void> {
    for await (const _ of this.pieces(size));
  }

  /** Ends the use of the stream before its end. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** Reads the stream to its end, and drops the bytes. */
  async drain(): Promise<void> {
    while ((await this.#some(Number.MAX_SAFE_INTEGER)) !== null);
  }

  async #some(most: number): Promise<Buffer | null> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done) return null;
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}
