// @ts-check
// Frames of a client, in pieces of any size. What is read is what is written again, and what their payloads say is
// checked.
import assert from 'node:assert/strict';
import { requireSignal } from '../../../dist/api/requests.js';
import { NiwaError } from '../../../dist/protocol/errors.js';
import { TerminalSize } from '../../../dist/protocol/exec.js';
import { decodeFrames, encodeFrame, FRAME } from '../../../dist/protocol/frames.js';
import { problemsOf } from '../../../dist/spec/check.js';

/**
 * Pieces of one byte take their time, each by itself.
 * @type {import('../worker.mjs').Target}
 */
export default { run, maxBytes: 70_000, maxCpuMs: 300 };

/** @param {Buffer} input the first byte says how large the pieces are */
async function run(input) {
  const bytes = input.subarray(1);
  const whole = await read([bytes]);
  const inPieces = await read(pieces(bytes, 1 + (input[0] ?? 0) * 16));
  assert.deepEqual(inPieces, whole);
  const written = Buffer.concat(whole.frames.map(({ type, payload }) => encodeFrame(type, payload)));
  assert.ok(written.equals(bytes.subarray(0, written.length)));
  const words = whole.frames.map(({ type, payload }) => meaning(type, payload));
  return `${[...new Set(words)].sort()} ${whole.refused}`;
}

/**
 * @param {Buffer} bytes
 * @param {number} size
 */
function* pieces(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** @param {Iterable<Buffer>} source */
async function read(source) {
  /** @type {import('../../../dist/protocol/frames.js').Frame[]} */
  const frames = [];
  async function* stream() {
    yield* source;
  }
  try {
    for await (const frame of decodeFrames(stream())) frames.push(frame);
    return { frames, refused: false };
  } catch (error) {
    if (error instanceof RangeError) return { frames, refused: true };
    throw error;
  }
}

/**
 * What a payload says, as src/api/session.ts takes it.
 * @param {number} type
 * @param {Buffer} payload
 */
function meaning(type, payload) {
  try {
    if (type === FRAME.resize) return `resize ${problemsOf(TerminalSize, JSON.parse(payload.toString())).length === 0}`;
    if (type === FRAME.signal) return `signal ${requireSignal(payload.toString())}`;
    return String(type);
  } catch (error) {
    if (error instanceof NiwaError || error instanceof SyntaxError) return `${type} refused`;
    throw error;
  }
}
