import type { LogChunk, ServiceLogChunk } from '../protocol/logs.js';

const NEWLINE = 10;
/** A line that is longer goes out in pieces. */
const MOST_HELD_BYTES = 64 * 1024;

/**
 * Makes whole lines of the output of several instances, so that lines of two instances never mix, and puts the id of
 * the instance before each; with `timestamps`, its time, too. The last line of an instance may lack its line end.
 */
export async function* stampedLines(
  chunks: AsyncIterable<ServiceLogChunk>,
  timestamps: boolean,
): AsyncGenerator<LogChunk> {
  const held = new Map<string, ServiceLogChunk>();
  for await (const chunk of chunks) {
    const key = `${chunk.stream} ${chunk.instance}`;
    const before = held.get(key);
    const whole = before === undefined ? chunk : { ...before, data: Buffer.concat([before.data, chunk.data]) };
    const end = whole.data.length > MOST_HELD_BYTES ? whole.data.length : whole.data.lastIndexOf(NEWLINE) + 1;
    if (end > 0) yield stamped({ ...whole, data: whole.data.subarray(0, end) }, timestamps);
    if (end < whole.data.length) held.set(key, { ...(end > 0 ? chunk : whole), data: whole.data.subarray(end) });
    else held.delete(key);
  }
  for (const chunk of held.values()) yield stamped(chunk, timestamps);
}

function stamped({ instance, data, ...chunk }: ServiceLogChunk, timestamps: boolean): LogChunk {
  const stamp = Buffer.from(`${instance} ${timestamps ? `${chunk.time} ` : ''}`);
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const newline = data.indexOf(NEWLINE, at);
    const end = newline < 0 ? data.length : newline + 1;
    pieces.push(stamp, data.subarray(at, end));
    at = end;
  }
  if (data.at(-1) !== NEWLINE) pieces.push(Buffer.from('\n'));
  return { ...chunk, data: Buffer.concat(pieces) };
}
