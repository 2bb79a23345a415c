import type { LogChunk } from '../protocol/logs.js';

const NEWLINE = 10;

/**
 * Copies the output of a container to niwa's standard output and standard error, as fast as these streams take it.
 * @param format makes the text of a chunk
 */
export async function printLogs(
  chunks: AsyncIterable<LogChunk>,
  format: (chunk: LogChunk) => Buffer | string,
): Promise<void> {
  for await (const chunk of chunks) {
    if (chunk.lost) process.stderr.write('niwa: some output was rotated away before it could be read\n');
    const target = process[chunk.stream];
    if (!target.write(format(chunk))) await new Promise((resolve) => target.once('drain', resolve));
  }
}

/** Gives the bytes exactly as the container wrote them. */
export function writeAsIs({ data }: LogChunk): Buffer {
  return data;
}

/**
 * Makes a format that puts the time before each line. A line that comes in several pieces gets the time of its first
 * piece.
 */
export function lineStamper(): (chunk: LogChunk) => Buffer {
  const midLine = { stdout: false, stderr: false };
  return ({ time, stream, data }) => {
    const stamp = Buffer.from(`${time} `);
    const pieces: Buffer[] = [];
    for (let at = 0; at < data.length; ) {
      const newline = data.indexOf(NEWLINE, at);
      const end = newline < 0 ? data.length : newline + 1;
      if (!midLine[stream]) pieces.push(stamp);
      pieces.push(data.subarray(at, end));
      midLine[stream] = newline < 0;
      at = end;
    }
    return Buffer.concat(pieces);
  };
}
