/**
 * What goes over an upgraded connection, in both directions: a type (one byte), the length of the payload (four bytes, the
 * most significant first), the payload. Shared with the client.
 */

export const FRAME = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** JSON {"rows", "columns"}. */
  resize: 3,
  /** Nothing more comes on standard input. */
  stdinEof: 4,
  /** JSON {"code", "signal"}: the end, the last frame. */
  exit: 5,
  /** JSON as the body of an error: the last frame. */
  error: 6,
  /** The name of a signal for the process. */
  signal: 7,
} as const;

/** How an exec, or the container of an attachment, ended: its exit status or the name of the signal; both are null where niwa could not tell. */
export interface SessionExit {
  code: number | null;
  signal: string | null;
}

export interface Frame {
  type: number;
  payload: Buffer;
}

/** The protocol's name in the Upgrade header. */
export const UPGRADE = 'niwa-stream';

/** No frame is longer; whoever sends more splits it. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
const HEADER_BYTES = 5;

/** Writes a frame; JSON where the payload is an object. */
export function encodeFrame(type: number, payload: Uint8Array | object | string = ''): Buffer {
  const isBytes = payload instanceof Uint8Array;
  const bytes = isBytes ? payload : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** Writes a stream's bytes as as many frames as they need. */
export function encodeData(type: number, data: Uint8Array): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < data.length; at += MAX_PAYLOAD_BYTES)
    frames.push(encodeFrame(type, data.subarray(at, at + MAX_PAYLOAD_BYTES)));
  return Buffer.concat(frames);
}

/**
 * Reads frames of whatever pieces they come in.
 * @throws RangeError where a frame announces too much
 */
export async function* decodeFrames(pieces: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let begun: Buffer[] = [];
  let [bytes, wanted] = [0, HEADER_BYTES];
  for await (const piece of pieces) {
    begun.push(piece);
    bytes += piece.length;
    if (bytes < wanted) continue; // put together only where that makes a header or a frame: pieces may be of one byte
    let rest = begun.length === 1 ? piece : Buffer.concat(begun);
    for (;;) {
      const length = rest.length < HEADER_BYTES ? 0 : rest.readUInt32BE(1);
      if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`a frame of ${length} bytes; allowed: ${MAX_PAYLOAD_BYTES}`);
      wanted = HEADER_BYTES + length;
      if (rest.length < wanted) break;
      yield { type: rest.readUInt8(0), payload: rest.subarray(HEADER_BYTES, wanted) };
      rest = rest.subarray(wanted);
    }
    [begun, bytes] = [[rest], rest.length];
  }
}

interface Sink {
  readonly destroyed: boolean;
  write(data: Uint8Array): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Writes, and waits until there is room for more or nobody takes it any more. Gives false where nobody does. */
export async function writeTo(sink: Sink, data: Uint8Array): Promise<boolean> {
  if (sink.destroyed) return false;
  if (!sink.write(data))
    await new Promise<void>((resolve) => {
      const go = () => {
        sink.off('drain', go);
        sink.off('close', go);
        resolve();
      };
      sink.once('drain', go);
      sink.once('close', go);
    });
  return !sink.destroyed;
}
