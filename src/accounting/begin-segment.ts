import { rm } from 'node:fs/promises';
import { type Header, toLine } from './record.js';
import { type Segment, segmentPath } from './segment.js';
import { SegmentFile, syncDirectory } from './segment-file.js';

/** A segment that has just been made. */
export interface Begun {
  file: SegmentFile;
  segment: Segment;
}

/**
 * Makes a segment, and puts it on disk.
 * @param fill writes what follows its header
 * @throws what node:fs throws; then there is none
 */
export async function beginSegment(
  directory: string,
  number: number,
  header: Header | null,
  fill: (file: SegmentFile) => Promise<void>,
): Promise<Begun> {
  const path = segmentPath(directory, number);
  const file = await SegmentFile.make(path);
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

/** Cuts a file to a size; gives whether that went well. */
export async function cutTo(file: SegmentFile, size: number): Promise<boolean> {
  return await file.truncate(size).then(
    () => true,
    () => false,
  );
}
