import { type BusValue, decode, encode, type Variant } from './value.js';

/** Messages of D-Bus, little-endian, see "Message Protocol" in the D-Bus specification. */

/** The kinds of messages that are received here. */
export const KIND = { call: 1, reply: 2, error: 3, signal: 4 } as const;

/** A call of a method. */
export interface BusCall {
  destination: string;
  path: string;
  interface: string;
  member: string;
  /** The types of `body`. */
  signature: string;
  body: readonly BusValue[];
}

/** A message that was received. */
export interface BusMessage {
  kind: number;
  /** The serial of the call that this message answers; 0 for none. */
  replyTo: number;
  interface: string;
  /** The name of the signal. */
  member: string;
  /** The name of the error. */
  error: string;
  /** Reads its values. @throws Error for values that are damaged, or of a type that is not known here */
  body(): BusValue[];
}

const LITTLE_ENDIAN = 'l'.charCodeAt(0);
const VERSION = 1;
/** Before the array of fields: byte order, kind, flags, version, bytes of the body, serial, and the bytes of fields. */
const FIXED_BYTES = 16;
const FIELD = { path: 1, interface: 2, member: 3, error: 4, replyTo: 5, destination: 6, signature: 8 } as const;
/** No answer of systemd comes near this. */
const MOST_BYTES = 2 ** 20;

const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;

/** Gives the bytes of a call. @param serial its number on the connection, from 1 on */
export function encodeCall(call: BusCall, serial: number): Buffer {
  const body = encode(call.signature, call.body);
  const fields: [number, Variant][] = [
    [FIELD.path, { type: 'o', value: call.path }],
    [FIELD.destination, { type: 's', value: call.destination }],
    [FIELD.interface, { type: 's', value: call.interface }],
    [FIELD.member, { type: 's', value: call.member }],
    ...(call.signature === '' ? [] : [[FIELD.signature, { type: 'g', value: call.signature }] as [number, Variant]]),
  ];
  const head = encode('yyyyuua(yv)', [LITTLE_ENDIAN, KIND.call, 0, VERSION, body.length, serial, fields]);
  return Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length), body]);
}

/**
 * Gives the length of the message with which bytes begin; where too few are there to know, how many have to be there.
 * @throws Error for a byte order that the peer cannot have, and for more than 1 MiB
 */
export function lengthOf(bytes: Buffer): number {
  if (bytes.length < FIXED_BYTES) return FIXED_BYTES;
  if (bytes[0] !== LITTLE_ENDIAN || bytes[3] !== VERSION)
    throw new Error('the other end speaks no D-Bus that is known');
  const length = aligned(FIXED_BYTES + bytes.readUInt32LE(12)) + bytes.readUInt32LE(4);
  if (length > MOST_BYTES) throw new Error(`a message of D-Bus has ${length} bytes, more than ${MOST_BYTES}`);
  return length;
}

/** Reads a whole message. @throws Error for one whose fields are damaged */
export function decodeMessage(bytes: Buffer): BusMessage {
  const { values, end } = decode('yyyyuua(yv)', bytes);
  const fields = new Map(values[6] as [number, Variant][]);
  const text = (field: number) => (fields.get(field)?.value ?? '') as string;
  return {
    kind: values[1] as number,
    replyTo: (fields.get(FIELD.replyTo)?.value ?? 0) as number,
    interface: text(FIELD.interface),
    member: text(FIELD.member),
    error: text(FIELD.error),
    body: () => decode(text(FIELD.signature), bytes.subarray(aligned(end))).values,
  };
}
