import { type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Extract, ExtractHead } from './extract.js';

/** The version of the format. A file of another version is not read: its extract is made anew. */
const VERSION = 3;
const HEAD_BYTES = 4096;

const COLUMNS = {
  at: Float64Array,
  figures: Float64Array,
  peak: Float64Array,
  flags: Uint8Array,
  run: Uint32Array,
  id: Uint32Array,
  owner: Uint32Array,
  service: Uint32Array,
  engineId: Uint32Array,
  labels: Uint32Array,
  runKeys: Float64Array,
} as const;
const LISTS = ['runs', 'ids', 'owners', 'services', 'engineIds', 'labelSets', 'going'] as const;

type ColumnName = keyof typeof COLUMNS;
type ListName = (typeof LISTS)[number];
type PartName = ColumnName | ListName;

/** Where a part of the extract is in the file; the offset counts from the end of the head. */
interface Part {
  offset: number;
  bytes: number;
  crc32: number;
}

interface Head extends ExtractHead {
  version: number;
  /**
   * The checksum of the last bytes of the segment that the extract covers. It tells this segment from another one of
   * the same size.
   */
  end: number;
  parts: Record<PartName, Part>;
}

/** Thrown where a file is a damaged extract, or no extract. */
export class Damaged extends Error {}

/** The path of the extract of a segment. */
export function extractPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(8, '0')}.extract`);
}

/**
 * Writes an extract to disk; replaces an earlier one in one step (rename). The file is not synced: if a crash tears it,
 * its checksums are wrong, and the extract is made anew.
 * @throws what node:fs throws
 */
export async function writeExtract(path: string, extract: Extract, end: number): Promise<void> {
  const bodies = [...Object.keys(COLUMNS), ...LISTS].map((name) => {
    const value = extract[name as PartName];
    return { name, body: ArrayBuffer.isView(value) ? viewOf(value) : Buffer.from(JSON.stringify(value)) };
  });
  let offset = 0;
  const parts = bodies.map(({ name, body }) => {
    const part: Part = { offset, bytes: body.length, crc32: crc32(body) };
    offset += body.length;
    return [name, part];
  });
  const { base, bytes, skipped, earliest, latest } = extract;
  const head: Head = {
    version: VERSION,
    base,
    bytes,
    skipped,
    earliest,
    latest,
    end,
    parts: Object.fromEntries(parts),
  };
  const text = JSON.stringify(head);
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const fresh = `${path}.new`;
  try {
    const line = Buffer.from(`${crc32(text)} ${text}`.padEnd(HEAD_BYTES));
    await writeFile(fresh, Buffer.concat([line, ...bodies.map(({ body }) => body)]), { mode: 0o640 });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {});
    throw error;
  }
}

/** Removes the extracts whose segments are not among these numbers. */
export async function removeOthers(directory: string, numbers: ReadonlySet<number>): Promise<void> {
  for (const name of await readdir(directory).catch(() => []))
    if (!numbers.has(Number(/^([0-9]{8,})\.extract$/.exec(name)?.[1] ?? Number.NaN)))
      await rm(join(directory, name), { force: true });
}

/**
 * An extract from which each column and each list is read by itself, when it is needed. Reading throws {@link Damaged}.
 */
export interface ExtractSource {
  readonly head: Readonly<ExtractHead>;
  column<N extends ColumnName>(name: N): Promise<Extract[N]>;
  list<N extends ListName>(name: N): Promise<Extract[N]>;
}

/** An extract that is in memory. */
export function sourceOf(extract: Extract): ExtractSource {
  return { head: extract, column: async (name) => extract[name], list: async (name) => extract[name] };
}

/** An extract in a file. */
export class ExtractFile implements ExtractSource {
  readonly head: Readonly<Head>;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, head: Head) {
    this.#file = file;
    this.head = head;
  }

  /** Opens the extract; gives null where the file is missing, damaged, or of another version. */
  static async open(path: string): Promise<ExtractFile | null> {
    const file = await open(path, 'r').catch(() => null);
    if (file === null) return null;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      const [, sum = '', text = ''] = /^([0-9]+) (.*?) *$/s.exec(buffer.toString('utf8', 0, bytesRead)) ?? [];
      const head = crc32(text) === Number(sum) ? (JSON.parse(text) as Head) : null;
      if (head?.version === VERSION) return new ExtractFile(file, head);
    } catch {
      // The file is damaged: the caller makes the extract anew.
    }
    await file.close();
    return null;
  }

  /** Reads a column. @throws Damaged */
  async column<N extends ColumnName>(name: N): Promise<Extract[N]> {
    const bytes = await this.#part(name);
    return new COLUMNS[name](
      bytes.buffer,
      bytes.byteOffset,
      bytes.length / COLUMNS[name].BYTES_PER_ELEMENT,
    ) as Extract[N];
  }

  /** Reads a list. @throws Damaged */
  async list<N extends ListName>(name: N): Promise<Extract[N]> {
    return JSON.parse((await this.#part(name)).toString()) as Extract[N];
  }

  /** Reads the whole extract. @throws Damaged */
  async all(): Promise<Extract> {
    const { base, bytes, skipped, earliest, latest } = this.head;
    const parts: [string, unknown][] = [];
    for (const name of Object.keys(COLUMNS) as ColumnName[]) parts.push([name, await this.column(name)]);
    for (const name of LISTS) parts.push([name, await this.list(name)]);
    return { base, bytes, skipped, earliest, latest, ...Object.fromEntries(parts) } as Extract;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #part(name: PartName): Promise<Buffer<ArrayBuffer>> {
    const { offset, bytes, crc32: sum } = this.head.parts[name];
    // begins at offset 0 of its memory, which every kind of column allows
    const buffer = Buffer.from(new ArrayBuffer(bytes));
    const { bytesRead } = await this.#file.read(buffer, 0, bytes, HEAD_BYTES + offset);
    if (bytesRead < bytes || crc32(buffer) !== sum) throw new Damaged();
    return buffer;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
