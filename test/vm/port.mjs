// @ts-check
// What comes from the guest over one port: the command's output, and in between what the guest itself says.
//
// The guest's words are a mark that no output contains by accident, a word and a newline: "up" before the command
// starts, the exit status after it ended. They share one stream so that the status cannot overtake the output.

import { once } from 'node:events';

/**
 * Passes the command's output on until its exit status comes.
 * @param {AsyncIterable<Buffer>} port what the guest sends
 * @param {string} token the secret of this run that makes the guest's words recognizable
 * @param {import('node:stream').Writable | undefined} output takes the command's output; undefined drops it
 * @param {() => void} onUp called when the guest is about to start the command
 * @returns {Promise<number | undefined>} the status, or undefined when the port ended without one
 */
export async function relay(port, token, output, onUp) {
  const mark = Buffer.from(`\x01${token} `);
  let held = Buffer.alloc(0);
  for await (const chunk of port) {
    held = Buffer.concat([held, chunk]);
    for (let word = guestWord(held, mark); word; word = guestWord(held, mark)) {
      await pass(held.subarray(0, word.start), output);
      held = held.subarray(word.end);
      if (word.text !== 'up') return Number(word.text);
      onUp();
    }
    const kept = beginningOfMark(held, mark);
    await pass(held.subarray(0, held.length - kept), output);
    held = held.subarray(held.length - kept);
  }
  await pass(held, output);
  return undefined;
}

/**
 * @param {Buffer} bytes
 * @param {Buffer} mark
 */
function guestWord(bytes, mark) {
  const start = bytes.indexOf(mark);
  const newline = start < 0 ? -1 : bytes.indexOf('\n', start);
  if (newline < 0) return undefined;
  return { start, end: newline + 1, text: bytes.toString('latin1', start + mark.length, newline) };
}

/**
 * How many bytes at the end may be a mark whose rest has not come yet, or a mark whose word has not.
 * @type {(bytes: Buffer, mark: Buffer) => number}
 */
function beginningOfMark(bytes, mark) {
  const whole = bytes.indexOf(mark);
  if (whole >= 0) return bytes.length - whole;
  const longest = Math.min(bytes.length, mark.length - 1);
  for (let length = longest; length > 0; length--) {
    if (bytes.subarray(-length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}

/**
 * @param {Buffer} bytes
 * @param {import('node:stream').Writable | undefined} output
 */
async function pass(bytes, output) {
  if (bytes.length > 0 && output && !output.write(bytes)) await once(output, 'drain');
}
