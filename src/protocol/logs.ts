export type StreamName = 'stdout' | 'stderr';

/** A piece of output as the container wrote it. */
export interface LogChunk {
  /** When it came, of a microsecond's width and a millisecond's exactness. */
  time: string;
  stream: StreamName;
  data: Buffer;
  /** Something before it was rotated away before it could be read. */
  lost?: true;
}
