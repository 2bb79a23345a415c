import { NiwaError } from '../protocol/errors.js';

/**
 * The messages between niwa-oci and niwad; native/oci/wire.h has the same; docs/oci.md has their order.
 * Numbers are in the byte order of the machine, which is little-endian on all machines that niwa runs on.
 */

export const PROTOCOL_VERSION = '9';

/** The kinds of frames. Those up to 9 come from the command, the others go to it. */
export const FRAME = {
  ...{ request: 1, born: 2, unborn: 3, paused: 4, ended: 5 },
  ...{ birth: 10, done: 11, error: 12, warning: 13, hook: 14, go: 15, criu: 16 },
} as const;

/** A request of the command: a verb, the options and arguments of its command line, and files that it has read. */
export interface Request {
  verb: string;
  /** All values of each name, in their order. */
  values: ReadonlyMap<string, readonly string[]>;
}

/** Where the boot program has failed. `step` is beyond all steps if it ended without a report. */
export interface Unborn {
  step: number;
  errno: number;
  signal: number;
}

/** The step that stands for the clone itself, which comes before all steps of the program. */
export const CLONE_STEP = 0xffff_fffe;

const LENGTH_BYTES = 4;
const UNBORN_BYTES = 12;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a request: texts `name=value`, each behind its length. Pure.
 * @throws NiwaError SPEC_INVALID for other bytes, and for a command of another version
 */
export function readRequest(body: Buffer): Request {
  const values = new Map<string, string[]>();
  for (const text of textsOf(body)) {
    const at = text.indexOf('=');
    if (at < 1) throw invalid(`a text without a name`);
    const name = text.slice(0, at);
    const known = values.get(name);
    if (known === undefined) values.set(name, [text.slice(at + 1)]);
    else known.push(text.slice(at + 1));
  }
  const version = values.get('version')?.[0];
  if (version !== PROTOCOL_VERSION)
    throw invalid(
      `version ${version}, where niwad speaks ${PROTOCOL_VERSION}: install niwa-oci and niwad of the same niwa`,
    );
  const verb = values.get('verb')?.[0] ?? '';
  values.delete('version');
  values.delete('verb');
  return { verb, values };
}

function textsOf(body: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < body.length; ) {
    if (body.length - at < LENGTH_BYTES) throw invalid('a length that is cut off');
    const end = at + LENGTH_BYTES + body.readUInt32LE(at);
    if (end > body.length) throw invalid('a text that is cut off');
    texts.push(decoded(body.subarray(at + LENGTH_BYTES, end)));
    at = end;
  }
  return texts;
}

function decoded(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new NiwaError('SPEC_INVALID', 'the request of niwa-oci has bytes that are no UTF-8', { cause });
  }
}

/** Reads where the making of a process has failed. @throws NiwaError SPEC_INVALID */
export function readUnborn(body: Buffer): Unborn {
  if (body.length !== UNBORN_BYTES) throw invalid('a failure of another length');
  return { step: body.readUInt32LE(0), errno: body.readInt32LE(4), signal: body.readInt32LE(8) };
}

/** How a hook has ended, and the end of its output. */
export interface HookEnd {
  end: 'exited' | 'signalled' | 'timedOut';
  /** The exit status, or the signal. */
  status: number;
  output: string;
}

const HOOK_ENDS = ['exited', 'signalled', 'timedOut'] as const;
const HOOK_END_BYTES = 8;

/** Reads how a hook has ended. @throws NiwaError SPEC_INVALID */
export function readHookEnd(body: Buffer): HookEnd {
  const end = body.length < HOOK_END_BYTES ? undefined : HOOK_ENDS[body.readUInt32LE(0)];
  if (end === undefined) throw invalid('an end of a hook of another kind');
  return { end, status: body.readInt32LE(4), output: body.toString('utf8', HOOK_END_BYTES) };
}

/** Reads the pid of a process that pauses. @throws NiwaError SPEC_INVALID */
export function readPid(body: Buffer): number {
  if (body.length !== LENGTH_BYTES) throw invalid('a pid of another length');
  return body.readUInt32LE(0);
}

/** Writes texts `name=value`, each behind its length. */
export function textsBody(texts: readonly (readonly [name: string, value: string])[]): Uint8Array {
  return Buffer.concat(texts.map(([name, value]) => counted(Buffer.from(`${name}=${value}`))));
}

/** What the command does for a process beside the clone and its program, see native/oci/order.h. */
export type BirthWord = readonly [name: string, value: string];

/**
 * Writes the answer that lets the command make a process: the flags of clone3, the length of the words, the words as in
 * a request, and the boot program.
 */
export function birthBody(flags: number, words: readonly BirthWord[], program: Uint8Array): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(flags));
  return Buffer.concat([head, counted(textsBody(words)), program]);
}

function counted(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function invalid(reason: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `the request of niwa-oci has ${reason}`);
}
