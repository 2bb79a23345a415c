import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  decodeFrames,
  encodeData,
  encodeFrame,
  FRAME,
  type Frame,
  MAX_PAYLOAD_BYTES,
} from '../../../src/protocol/frames.js';

async function decode(pieces: Uint8Array[]): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of decodeFrames(Readable.from(pieces.map((piece) => Buffer.from(piece))))) frames.push(frame);
  return frames;
}

describe('frames', () => {
  it('are a type, a length and the payload', () => {
    expect([...encodeFrame(FRAME.stdin, Buffer.from('ab'))]).toEqual([0, 0, 0, 0, 2, 97, 98]);
    expect([...encodeFrame(FRAME.stdinEof)]).toEqual([4, 0, 0, 0, 0]);
    expect(encodeFrame(FRAME.resize, { rows: 1, columns: 2 }).subarray(5).toString()).toBe('{"rows":1,"columns":2}');
  });

  it('come out as they went in, however they are cut', async () => {
    const frame = fc.record({ type: fc.integer({ min: 0, max: 255 }), payload: fc.uint8Array({ maxLength: 20 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 5 }), fc.array(fc.nat(60)), async (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)));
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        const expected = frames.map(({ type, payload }) => ({ type, payload: Buffer.from(payload) }));
        expect(await decode(pieces)).toEqual(expected);
      }),
    );
  });

  it('are as many as the data needs', async () => {
    const data = Buffer.alloc(2 * MAX_PAYLOAD_BYTES + 1, 7);
    const frames = await decode([encodeData(FRAME.stdout, data)]);
    expect(frames.map(({ payload }) => payload.length)).toEqual([MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES, 1]);
    expect(Buffer.concat(frames.map(({ payload }) => payload)).equals(data)).toBe(true);
  });

  it('that come byte by byte are not copied again with each byte', async () => {
    const bytes = encodeFrame(FRAME.stdin, Buffer.alloc(4096));
    const copies = vi.spyOn(Buffer, 'concat');
    await decode(Array.from(bytes, (byte) => Uint8Array.of(byte)));
    const copied = copies.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
    copies.mockRestore();
    expect(copied).toBeLessThan(3 * bytes.length);
  });

  it('that announce too much are refused before it comes', async () => {
    await expect(decode([Uint8Array.of(0, 0, 1, 0, 1)])).rejects.toThrow(RangeError);
  });
});
