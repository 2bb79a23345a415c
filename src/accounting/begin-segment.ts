import { rm } from 'node:fs/promises';
import { type Header, toLine } from './record.js';
import { type Segment, segmentPath } from './segment.js';
import { type RecordKernel, SegmentFile, syncDirectory } from './segment-file.js';

/** A new segment: the open file, and what is known of the segment. */
export interface Begun {
  file: SegmentFile;
  segment: Segment;
}

/** Where the segments are, and what writes to them. */
export interface Place {
  directory: string;
  kernel: RecordKernel;
}

/**
 * Makes a new segment of the ledger, and syncs its file and its directory.
 * @param fill writes to the file what follows the header
 * @throws what node:fs throws; the file has been removed by then
 */
export async function beginSegment(
  { directory, kernel }: Place,
  number: number,
  header: Header | null,
  fill: (file: SegmentFile) => Promise<void>,
): Promise<Begun> {
  const path = segmentPath(directory, number);
  const file = await SegmentFile.make(path, kernel);
  try {
    if (header !== null) await file.append(Buffer.from(toLine({ header })));
    await fill(file);
    await file.sync();
    await syncDirectory(directory);
    return { file, segment: { number, path, size: await file.size(), header } };
  } catch (error) {
    await file.close();
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

/** Cuts a file to a size; gives false where the kernel refused. */
export async function cutTo(file: SegmentFile, size: number): Promise<boolean> {
  return await file.truncate(size).then(
    () => true,
    () => false,
  );
}
