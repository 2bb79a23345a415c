import { ByteReader } from './bytes.js';
import { badTar, type Piece, type Region, type TarEntry } from './entry.js';
import { BLOCK, type Header, readHeader } from './header.js';
import { type PaxRecords, paxNumber, paxText, paxTime, paxXattrs, readPax } from './pax.js';
import { readOldSparse, readPaxSparse, type Sparse } from './sparse.js';

/** A member of a tar. Its contents can be read only until the next member is asked for. */
export interface TarMember {
  entry: TarEntry;
  contents: AsyncIterable<Piece>;
}

/**
 * The most bytes of an extended header or a long name. Real ones are smaller: a path has at most 4 KiB, an attribute 64
 * KiB.
 */
const MAX_EXTENSION_BYTES = 1024 * 1024;
const MAX_PATH_BYTES = 4095;
const MAX_ID = 4294967294;

const TYPES: Record<string, TarEntry['type']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Extended headers and long names. They are in front of the member that they describe. */
interface Announced {
  pax: PaxRecords;
  longName?: string;
  longLink?: string;
}

/**
 * Reads a tar: ustar, pax and GNU, with long names, extended attributes and sparse files. The tar may be made to do
 * harm: so numbers, checksums and sizes are checked, and the memory is limited, whatever the tar says. Global extended
 * headers are ignored, as other programs that read images do.
 * @param source the bytes; read to their end
 * @throws NiwaError IMAGE_INVALID
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarMember> {
  const reader = new ByteReader(source);
  try {
    yield* membersOf(reader);
  } finally {
    await reader.close();
  }
}

async function* membersOf(reader: ByteReader): AsyncGenerator<TarMember> {
  let announced: Announced = { pax: [] };
  for (;;) {
    const block = await reader.take(BLOCK);
    const header = block.length === BLOCK ? readHeader(block) : undefined;
    if (block.length > 0 && block.length < BLOCK) throw badTar('it is cut in a header');
    if (header === undefined) break;
    if (await announce(header, reader, announced)) continue;
    const member = new Member(header, announced, await sparseOf(header, block, announced, reader), reader);
    announced = { pax: [] };
    yield member;
    await member.finish();
  }
  await reader.drain(); // the padding at the end of a tar counts in its digest, so it has to be read too
}

/** Keeps an extended header or a long name for the next member. Gives false where the member is neither. */
async function announce(header: Header, reader: ByteReader, announced: Announced): Promise<boolean> {
  const { type, size } = header;
  if (!['x', 'g', 'L', 'K', 'V'].includes(type)) return false;
  if (size > MAX_EXTENSION_BYTES) throw badTar(`an extended header has ${size} bytes`);
  const bytes = await reader.take(size);
  if (bytes.length < size) throw badTar('it is cut in an extended header');
  await reader.skip(padding(size));
  if (type === 'x') announced.pax = readPax(bytes);
  if (type === 'L') announced.longName = bytes.toString('latin1').replace(/\0$/, '');
  if (type === 'K') announced.longLink = bytes.toString('latin1').replace(/\0$/, '');
  return true;
}

function sparseOf(header: Header, block: Buffer, { pax }: Announced, reader: ByteReader) {
  if (header.type === 'S') return readOldSparse(block, reader);
  return TYPES[header.type] === 'file' ? readPaxSparse(pax, reader) : undefined;
}

class Member implements TarMember {
  readonly entry: TarEntry;
  readonly #reader: ByteReader;
  readonly #regions: Region[];
  /** The bytes of the member that were not read yet, and the bytes that fill its last block. */
  #left: number;
  readonly #padding: number;

  constructor(header: Header, announced: Announced, sparse: Sparse | undefined, reader: ByteReader) {
    const { pax, longName, longLink } = announced;
    const type = typeOf(header, paxText(pax, 'path') ?? longName ?? header.name);
    const stored = type === 'file' ? (paxNumber(pax, 'size') ?? header.size) : 0;
    const path = paxText(pax, 'GNU.sparse.name') ?? paxText(pax, 'path') ?? longName ?? header.name;
    const target = paxText(pax, 'linkpath') ?? longLink ?? header.linkName;
    this.entry = {
      type,
      path: requireName(path),
      target: type === 'link' || type === 'symlink' ? requireName(target) : '',
      mode: header.mode,
      uid: requireId(paxNumber(pax, 'uid') ?? header.uid),
      gid: requireId(paxNumber(pax, 'gid') ?? header.gid),
      ...(paxTime(pax) ?? { mtimeSec: header.mtime, mtimeNsec: 0 }),
      size: sparse?.realSize ?? stored,
      xattrs: paxXattrs(pax).map(({ name, value }) => ({ name: requireName(name), value })),
    };
    this.#reader = reader;
    this.#left = stored - (sparse?.mapBytes ?? 0);
    this.#padding = padding(stored);
    this.#regions = sparse?.regions ?? [{ offset: 0, length: this.#left }];
    if (this.#left !== this.#regions.reduce((sum, { length }) => sum + length, 0))
      throw badTar('a sparse file is not as large as its map says');
  }

  get contents(): AsyncIterable<Piece> {
    return this.#read();
  }

  /** Skips the bytes of the member that the caller has not read. */
  async finish(): Promise<void> {
    await this.#reader.skip(this.#left + this.#padding);
  }

  async *#read(): AsyncGenerator<Piece> {
    for (const { offset, length } of this.#regions) {
      let at = offset;
      for await (const data of this.#reader.pieces(length)) {
        this.#left -= data.length;
        yield { offset: at, data };
        at += data.length;
      }
    }
  }
}

/** Gives the type of a member. Before POSIX, a directory had the type of a file, and a slash at the end of its name. */
function typeOf({ type }: Header, path: string): TarEntry['type'] {
  const found = TYPES[type];
  if (found === undefined) throw badTar(`it has a member of the unknown type ${JSON.stringify(type)}`);
  return found === 'file' && path.endsWith('/') ? 'directory' : found;
}

function requireName(name: string): string {
  if (name === '' || name.length > MAX_PATH_BYTES || name.includes('\0'))
    throw badTar('a name is empty, has a NUL in it, or is longer than 4095 bytes');
  return name;
}

function requireId(id: number): number {
  if (id < 0 || id > MAX_ID) throw badTar(`the owner ${id} is no id`);
  return id;
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
