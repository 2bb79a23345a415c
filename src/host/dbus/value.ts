/** Values of D-Bus messages in their binary form, little-endian, see "Marshaling" in the D-Bus specification. */

/** A value of a basic type, an array or the fields of a struct. Integers of 64 bits are bigints. */
export type BusValue = string | boolean | number | bigint | Uint8Array | Variant | readonly BusValue[];

/** A value together with its type. */
export interface Variant {
  type: string;
  value: BusValue;
}

/** Types of a fixed size: the bytes, and how they are written and read. They are aligned to their size. */
interface Fixed {
  bytes: number;
  write(to: Buffer, value: never): unknown;
  read(from: Buffer, at: number): BusValue;
}
const FIXED: Readonly<Record<string, Fixed>> = {
  y: { bytes: 1, write: (to, value) => to.writeUInt8(value), read: (from, at) => from.readUInt8(at) },
  b: {
    bytes: 4,
    write: (to, value) => to.writeUInt32LE(Number(value)),
    read: (from, at) => from.readUInt32LE(at) === 1,
  },
  i: { bytes: 4, write: (to, value) => to.writeInt32LE(value), read: (from, at) => from.readInt32LE(at) },
  u: { bytes: 4, write: (to, value) => to.writeUInt32LE(value), read: (from, at) => from.readUInt32LE(at) },
  x: { bytes: 8, write: (to, value) => to.writeBigInt64LE(value), read: (from, at) => from.readBigInt64LE(at) },
  t: { bytes: 8, write: (to, value) => to.writeBigUInt64LE(value), read: (from, at) => from.readBigUInt64LE(at) },
};
const ALIGNMENTS: Readonly<Record<string, number>> = { s: 4, o: 4, a: 4, '(': 8, '{': 8, g: 1, v: 1 };
const OPENING = '({';
const CLOSING = ')}';

/** Gives the types of a signature, one by one: `sa(sv)` is `s` and `a(sv)`. */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let begin = 0; begin < signature.length; ) {
    let end = begin;
    while (signature[end] === 'a') end++;
    for (let depth = 0; end < signature.length; end++) {
      const letter = signature[end] as string;
      depth += Number(OPENING.includes(letter)) - Number(CLOSING.includes(letter));
      if (depth === 0) break;
    }
    types.push(signature.slice(begin, ++end));
    begin = end;
  }
  return types;
}

function alignmentOf(type: string): number {
  const letter = type[0] ?? '';
  const alignment = FIXED[letter]?.bytes ?? ALIGNMENTS[letter];
  if (alignment === undefined) throw new Error(`D-Bus type "${type}" is not known here`);
  return alignment;
}

const padding = (at: number, alignment: number) => (alignment - (at % alignment)) % alignment;

/** Gives the bytes of values, as they are from the beginning of a message or a body on. */
export function encode(signature: string, values: readonly BusValue[]): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer) => {
    parts.push(part);
    length += part.length;
  };
  const put = (type: string, value: BusValue): void => {
    add(Buffer.alloc(padding(length, alignmentOf(type))));
    const fixed = FIXED[type];
    if (fixed !== undefined) {
      const bytes = Buffer.alloc(fixed.bytes);
      fixed.write(bytes, value as never);
      add(bytes);
    } else if (type === 's' || type === 'o') {
      const bytes = Buffer.from(`${value}\0`);
      put('u', bytes.length - 1);
      add(bytes);
    } else if (type === 'g') add(Buffer.from([String(value).length, ...Buffer.from(`${value}\0`)]));
    else if (type === 'v') {
      const variant = value as Variant;
      put('g', variant.type);
      put(variant.type, variant.value);
    } else if (type.startsWith('a')) putArray(type.slice(1), value as readonly BusValue[]);
    else
      for (const [i, field] of typesOf(type.slice(1, -1)).entries()) put(field, (value as BusValue[])[i] as BusValue);
  };
  const putArray = (element: string, values: Iterable<BusValue>): void => {
    const size = Buffer.alloc(4);
    add(size);
    add(Buffer.alloc(padding(length, alignmentOf(element)))); // does not count to its size
    const begin = length;
    for (const value of values) put(element, value);
    size.writeUInt32LE(length - begin);
  };
  for (const [i, type] of typesOf(signature).entries()) put(type, values[i] as BusValue);
  return Buffer.concat(parts);
}

/**
 * Reads values.
 * @param from begins where the message or the body begins
 * @returns the values, and where the next byte is
 * @throws RangeError where the bytes end early, Error for a type that is not known here
 */
export function decode(signature: string, from: Buffer): { values: BusValue[]; end: number } {
  let at = 0;
  const take = (type: string): BusValue => {
    at += padding(at, alignmentOf(type));
    const fixed = FIXED[type];
    if (fixed !== undefined) {
      at += fixed.bytes;
      return fixed.read(from, at - fixed.bytes);
    }
    if (type === 's' || type === 'o') return takeText(take('u') as number);
    if (type === 'g') return takeText(take('y') as number);
    if (type === 'v') {
      const [inner = ''] = typesOf(take('g') as string);
      return { type: inner, value: take(inner) };
    }
    if (type.startsWith('a')) return takeArray(type.slice(1));
    if (type === '()') throw new Error('a struct of D-Bus has fields'); // an array of them would not end
    return typesOf(type.slice(1, -1)).map(take);
  };
  const takeText = (bytes: number) => {
    if (at + bytes >= from.length) throw new RangeError('a text ends after its message');
    at += bytes + 1;
    return from.toString('utf8', at - bytes - 1, at - 1);
  };
  const takeArray = (element: string) => {
    const bytes = take('u') as number;
    at += padding(at, alignmentOf(element));
    const end = at + bytes;
    if (end > from.length) throw new RangeError('an array ends after its message');
    const values: BusValue[] = [];
    while (at < end) values.push(take(element));
    return values;
  };
  const values = typesOf(signature).map(take);
  return { values, end: at };
}
