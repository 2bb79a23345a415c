import type { Lease } from './lease.js';

/**
 * The names of a group's members in a hosts file: behind the lines of the container itself, records of a fixed size.
 * A program of a container may read the file at any time. So a record is filled while it is a comment, and then turned
 * into a line by its first byte; to take a name away is a write of one byte. Pure.
 */

/** The bytes of one line. 64 KiB pages are a multiple of it, so no line crosses a page. */
const LINE_BYTES = 128;
/** The bytes of one record: a line for IPv4, and one for IPv6. */
export const RECORD_BYTES = 2 * LINE_BYTES;
/** The offsets, in a record, of the bytes that turn its lines into comments. */
export const SWITCHES = [0, LINE_BYTES] as const;
export const COMMENT = '#';

/** The beginning of the line behind which the records are. */
const MARK = '# the group';

/** Gives the text before the records: the lines of the container itself, up to a whole number of lines of records. */
export function headOf(own: string): string {
  const bytes = Buffer.byteLength(own) + MARK.length + 1;
  const whole = Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
  return `${own}${MARK}${' '.repeat(whole - bytes)}\n`;
}

/** Gives the offset of the first record in a file; null where the file has no place for records. */
export function firstRecord(file: Buffer): number | null {
  const mark = file.indexOf(MARK);
  return mark < 0 ? null : file.indexOf('\n', mark) + 1;
}

/** Gives the record of a member. */
export function recordOf(name: string, { address, address6 }: Pick<Lease, 'address' | 'address6'>): Buffer {
  return Buffer.from(lineOf(`${address}\t${name}`) + lineOf(address6 === null ? COMMENT : `${address6}\t${name}`));
}

function lineOf(text: string): string {
  return `${text.padEnd(LINE_BYTES - 1)}\n`;
}

/** Gives a record without lines that count. */
export function asComment(record: Buffer): Buffer {
  const comment = Buffer.from(record);
  for (const at of SWITCHES) comment.write(COMMENT, at);
  return comment;
}

/** Gives the names in the records of a file, each at its place; null where a record is a comment. */
export function namesIn(file: Buffer): (string | null)[] {
  const names: (string | null)[] = [];
  for (let at = firstRecord(file) ?? file.length; at + RECORD_BYTES <= file.length; at += RECORD_BYTES) {
    const [address, name] = file
      .toString('latin1', at, at + LINE_BYTES)
      .trim()
      .split('\t');
    names.push(address?.startsWith(COMMENT) || name === undefined ? null : name);
  }
  return names;
}

/** Names that mean the container itself, see hosts(5). */
const OWN_NAMES = ['localhost', 'ip6-localhost', 'ip6-loopback'];

/**
 * Says whether a container is found by its id in the group: not by an id with a point in it, which could be the name of
 * a host of the world, nor by `localhost`.
 */
export function isFound(id: string): boolean {
  return !id.includes('.') && !OWN_NAMES.includes(id.toLowerCase());
}
