import type { LogChunk } from '../protocol/logs.js';

const NEWLINE = 10;

/**
 * Copies output to our own streams of the same names, no faster than they take it.
 * @param format what to write of a chunk
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

/** The bytes exactly as the container wrote them. */
export function writeAsIs({ data }: LogChunk): Buffer {
  return data;
}

/** Makes a format that puts its time in front of each line; a line that comes in pieces has the time of the first. */
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
