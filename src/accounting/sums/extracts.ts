import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { linesOf, type Segment } from '../segment.js';
import { type Before, type Extract, ExtractBuilder, finalRuns } from './extract.js';
import {
  Damaged,
  ExtractFile,
  type ExtractSource,
  extractPath,
  removeOthers,
  sourceOf,
  writeExtract,
} from './extract-file.js';

/** A segment, and how many of its bytes count now. */
export type SegmentPart = Pick<Segment, 'number' | 'path' | 'size'>;

/**
 * The extract of the last segment is written again when the segment has grown by so much. Until then, each query reads
 * the growth anew.
 */
const WORTH_WRITING_BYTES = 1024 * 1024;
const END_BYTES = 4096;

/**
 * The extracts of the segments of a ledger, in a directory of their own. An extract is made of the segment's records
 * when a query first needs it, or when the segment has grown; then it is kept on disk. An operator may remove extracts
 * at any time.
 */
export class Extracts {
  readonly #directory: string;
  readonly #parts: readonly SegmentPart[];
  /** The extracts that are not on disk: that of the last segment, and those whose file could not be written. */
  readonly #kept = new Map<number, Extract>();

  /** @param parts the segments of the ledger, the oldest first */
  constructor(directory: string, parts: readonly SegmentPart[]) {
    this.#directory = directory;
    this.#parts = parts;
  }

  /**
   * Makes the extracts that are missing. A segment that is gone counts as empty.
   * @throws what node:fs throws where a segment cannot be read
   */
  async prepare(): Promise<void> {
    await removeOthers(this.#directory, new Set(this.#parts.map(({ number }) => number)));
    for (const i of this.#parts.keys()) await this.#prepareOne(i);
  }

  /**
   * Calls `use` with each extract, the oldest first. {@link prepare} has to be called before.
   * @param use called a second time for a segment whose extract turned out to be damaged while it was read; it was made
   * anew by then
   */
  async each(use: (extract: ExtractSource) => Promise<void>): Promise<void> {
    for (const i of this.#parts.keys()) await this.#with(i, use);
  }

  async #prepareOne(i: number): Promise<void> {
    const part = this.#parts[i] as SegmentPart;
    try {
      const found = await this.#find(part, this.#baseOf(i));
      if (found !== 'whole') await this.#make(i, found);
    } catch (error) {
      // ENOENT: an operator has moved the segment away
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#kept.set(part.number, new ExtractBuilder({ base: null, going: [], ended: [] }).finish(0));
    }
  }

  #baseOf(i: number): number | null {
    return this.#parts[i - 1]?.number ?? null;
  }

  /**
   * Looks for the extract on disk: `whole` where it covers the whole segment, the extract where it covers less, null
   * where it is of no use.
   */
  async #find(part: SegmentPart, base: number | null): Promise<'whole' | Extract | null> {
    const file = await ExtractFile.open(extractPath(this.#directory, part.number));
    if (file === null) return null;
    try {
      const { head } = file;
      if (head.base !== base || head.bytes > part.size || head.end !== (await endOf(part.path, head.bytes)))
        return null;
      return head.bytes === part.size ? 'whole' : await file.all();
    } catch (error) {
      if (error instanceof Damaged) return null;
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Makes the extract of a segment. Where `begun` covers its beginning, only the rest of the segment is read. */
  async #make(i: number, begun: Extract | null): Promise<Extract> {
    const part = this.#parts[i] as SegmentPart;
    const base = this.#baseOf(i);
    const going = i === 0 ? [] : await this.#with(i - 1, (before) => before.list('going'));
    const read = (from: Extract | null, ended: string[]) => readSegment(part, from, { base, going, ended });
    let extract = await read(begun, []);
    let ended = await this.#endedBefore(i, extract, begun?.runs.length ?? 0);
    if (ended.length > 0 && begun !== null) {
      extract = await read(null, []);
      ended = await this.#endedBefore(i, extract, 0);
    }
    if (ended.length > 0) extract = await read(null, ended);
    if (await this.#write(i, extract, begun?.bytes ?? 0)) this.#kept.delete(part.number);
    else this.#kept.set(part.number, extract);
    return extract;
  }

  /** Finds the runs of an extract, from a place in its list on, that have their final record in an earlier segment. */
  async #endedBefore(i: number, { runs, runKeys }: Extract, from: number): Promise<string[]> {
    const keys = new Set(runKeys.subarray(from));
    if (keys.size === 0) return [];
    const names = new Set(runs.slice(from));
    const found: string[] = [];
    for (let before = 0; before < i; before++) {
      const ended = await this.#with(before, async (extract) => {
        if (!(await extract.column('runKeys')).some((key) => keys.has(key))) return [];
        return finalRuns({
          flags: await extract.column('flags'),
          run: await extract.column('run'),
          runs: await extract.list('runs'),
        });
      });
      found.push(...ended.filter((run) => names.has(run)));
    }
    return found;
  }

  /** Writes an extract to disk, unless too little is new; says whether it is on disk. */
  async #write(i: number, extract: Extract, before: number): Promise<boolean> {
    const { number, path, size } = this.#parts[i] as SegmentPart;
    if (i === this.#parts.length - 1 && size - before < WORTH_WRITING_BYTES) return false;
    try {
      await writeExtract(extractPath(this.#directory, number), extract, await endOf(path, extract.bytes));
      return true;
    } catch {
      return false; // For example, the disk is full. Then the extract stays in memory, and later queries take longer.
    }
  }

  /**
   * Calls `use` with the extract of a segment. Where the file is damaged, the extract is made anew, and `use` is called
   * again.
   */
  async #with<T>(i: number, use: (extract: ExtractSource) => Promise<T>): Promise<T> {
    const { number } = this.#parts[i] as SegmentPart;
    const kept = this.#kept.get(number);
    if (kept !== undefined) return await use(sourceOf(kept));
    const file = await ExtractFile.open(extractPath(this.#directory, number));
    try {
      if (file !== null) return await use(file);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
    } finally {
      await file?.close();
    }
    return await use(sourceOf(await this.#make(i, null)));
  }
}

/**
 * Reads the records of a segment, or those after `begun`. The copies at its beginning count only where the segment
 * before is gone.
 */
async function readSegment(
  { number, path, size }: SegmentPart,
  begun: Extract | null,
  before: Before,
): Promise<Extract> {
  const builder = begun === null ? new ExtractBuilder(before) : ExtractBuilder.of(begun);
  const wantsCarried = before.base !== number - 1;
  for await (const lines of linesOf(path, size, begun?.bytes ?? 0))
    for (const { entry } of lines) {
      if (entry === null) builder.skip();
      else if ('record' in entry && (!entry.carried || wantsCarried)) builder.add(entry.record);
    }
  return builder.finish(size);
}

/** The checksum of the last bytes up to `size`. @throws what node:fs throws */
async function endOf(path: string, size: number): Promise<number> {
  const file = await open(path, 'r');
  try {
    const wanted = Math.min(size, END_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, size - wanted);
    return crc32(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
