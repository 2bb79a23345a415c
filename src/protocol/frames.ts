/**
 * The frames on an upgraded connection, in both directions. A frame is its type (one byte), the length of its payload
 * (four bytes, the most significant first), and the payload. niwad and the client use this file.
 */

export const FRAME = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** JSON {"rows", "columns"}. */
  resize: 3,
  /** The standard input ends here. */
  stdinEof: 4,
  /** JSON {"code", "signal"}: how the process ended. It is the last frame. */
  exit: 5,
  /** JSON in the form of an error's body. It is the last frame. */
  error: 6,
  /** The name of a signal that the process is to get. */
  signal: 7,
} as const;

/**
 * How an exec, or an attached container, ended: its exit status, or the name of the signal. Both are null where niwa
 * does not know.
 */
export interface SessionExit {
  code: number | null;
  signal: string | null;
}

export interface Frame {
  type: number;
  payload: Buffer;
}

/** The name of this protocol in the header Upgrade. */
export const UPGRADE = 'niwa-stream';

/** The most bytes of a payload. More bytes have to be sent as several frames. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
const HEADER_BYTES = 5;

/** Writes a frame. A payload that is an object is written as JSON. */
export function encodeFrame(type: number, payload: Uint8Array | object | string = ''): Buffer {
  const isBytes = payload instanceof Uint8Array;
  const bytes = isBytes ? payload : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** Writes the bytes of a stream as several frames, as many as they need. */
export function encodeData(type: number, data: Uint8Array): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < data.length; at += MAX_PAYLOAD_BYTES)
    frames.push(encodeFrame(type, data.subarray(at, at + MAX_PAYLOAD_BYTES)));
  return Buffer.concat(frames);
}

/**
 * Reads frames from pieces of any size.
 * @throws RangeError where a frame is longer than allowed
 */
export async function* decodeFrames(pieces: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let begun: Buffer[] = [];
  let [bytes, wanted] = [0, HEADER_BYTES];
  for await (const piece of pieces) {
    begun.push(piece);
    bytes += piece.length;
    // pieces are joined only when they have a whole header or frame: a piece may be one byte long
    if (bytes < wanted) continue;
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

/** Writes, and waits until the sink has room for more, or is closed. Gives false where it is closed. */
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
