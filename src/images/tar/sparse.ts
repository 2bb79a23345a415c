import type { ByteReader } from './bytes.js';
import { badTar, type Region } from './entry.js';
import { BLOCK, number } from './header.js';
import { type PaxRecords, paxNumber, paxText } from './pax.js';

/** Reads sparse files in the formats that GNU tar writes, see "Storing Sparse Files" in its manual. */

/** A sparse file: its stored parts (the map), and its size with the holes. */
export interface Sparse {
  regions: Region[];
  realSize: number;
  /** How many bytes at the beginning of the member were the map, and not content. */
  mapBytes: number;
}

const MAX_REGIONS = 100_000;
const OLD_HEADER = { map: 386, regions: 4, more: 482, realSize: 483 };
const OLD_EXTENSION = { regions: 21, more: 504 };
const REGION_BYTES = 24;

/** Reads the map of the old GNU format. Its first part is in the header, the rest in blocks after the header. */
export async function readOldSparse(header: Buffer, reader: ByteReader): Promise<Sparse> {
  const regions = oldRegions(header, OLD_HEADER.map, OLD_HEADER.regions);
  for (let more = header[OLD_HEADER.more] !== 0; more; ) {
    const block = await reader.take(BLOCK);
    if (block.length < BLOCK || regions.length > MAX_REGIONS) throw badTar('the map of a sparse file has no end');
    regions.push(...oldRegions(block, 0, OLD_EXTENSION.regions));
    more = block[OLD_EXTENSION.more] !== 0;
  }
  return checked({ regions, realSize: number(header, OLD_HEADER.realSize, 12), mapBytes: 0 });
}

function oldRegions(block: Buffer, start: number, count: number): Region[] {
  return Array.from({ length: count }, (_, i) => start + i * REGION_BYTES)
    .filter((at) => block[at] !== 0)
    .map((at) => ({ offset: number(block, at, 12), length: number(block, at + 12, 12) }));
}

/**
 * Reads the map of a file that its extended header calls sparse (formats 0.0, 0.1 and 1.0).
 * @returns undefined where the extended header does not call the file sparse
 */
export async function readPaxSparse(records: PaxRecords, reader: ByteReader): Promise<Sparse | undefined> {
  if (paxText(records, 'GNU.sparse.major') === '1') return readMapInData(records, reader);
  const realSize = paxNumber(records, 'GNU.sparse.size');
  if (realSize === undefined) return undefined;
  const map = paxText(records, 'GNU.sparse.map');
  const keys = ['GNU.sparse.offset', 'GNU.sparse.numbytes'];
  const numbers =
    map?.split(',') ?? records.filter(({ key }) => keys.includes(key)).map(({ value }) => value.toString('latin1'));
  return checked({ regions: pairs(numbers), realSize, mapBytes: 0 });
}

/** Reads the map of format 1.0: lines with decimal numbers in front of the data, filled up to whole blocks. */
async function readMapInData(records: PaxRecords, reader: ByteReader): Promise<Sparse> {
  const realSize = paxNumber(records, 'GNU.sparse.realsize');
  if (realSize === undefined) throw badTar('a sparse file has no size');
  let text = '';
  let mapBytes = 0;
  let wanted = 1;
  let lines: string[] = [];
  while (lines.length < wanted) {
    const block = await reader.take(BLOCK);
    if (block.length < BLOCK) throw badTar('the map of a sparse file is cut');
    mapBytes += BLOCK;
    text += block.toString('latin1');
    const whole = text.split('\n');
    text = whole.pop() ?? '';
    if (text.length > BLOCK) throw badTar('the map of a sparse file has no numbers');
    lines = lines.concat(whole);
    if (wanted === 1 && lines[0] !== undefined) wanted = 1 + 2 * count(lines[0]);
  }
  return checked({ regions: pairs(lines.slice(1, wanted)), realSize, mapBytes });
}

function count(line: string): number {
  if (!/^[0-9]{1,7}$/.test(line) || Number(line) > MAX_REGIONS) throw badTar('a sparse file has too many parts');
  return Number(line);
}

function pairs(numbers: string[]): Region[] {
  if (
    numbers.length % 2 !== 0 ||
    numbers.length > 2 * MAX_REGIONS ||
    !numbers.every((text) => /^[0-9]{1,16}$/.test(text))
  )
    throw badTar('the map of a sparse file is not of numbers');
  return Array.from({ length: numbers.length / 2 }, (_, i) => ({
    offset: Number(numbers[2 * i]),
    length: Number(numbers[2 * i + 1]),
  }));
}

/** Checks that the parts are in order, do not overlap, and are inside of the file. */
function checked(sparse: Sparse): Sparse {
  let end = 0;
  for (const { offset, length } of sparse.regions) {
    if (offset < end || offset + length > sparse.realSize) throw badTar('the map of a sparse file contradicts itself');
    end = offset + length;
  }
  if (!Number.isSafeInteger(sparse.realSize)) throw badTar('a sparse file is too large');
  return sparse;
}
