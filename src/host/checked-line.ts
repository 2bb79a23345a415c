import { crc32 } from 'node:zlib';

/** The length of the end of a line: `,"crc32":"01234567"}` */
const CHECKSUM_BYTES = 20;

/**
 * Writes an object as a line of JSON with its checksum, and with the newline. The checksum is the last member of the
 * object, so that jq can read the line like any other JSON.
 */
export function toCheckedLine(value: object): string {
  return checkedLine(JSON.stringify(value).slice(0, -1));
}

/** Does the same for what is JSON already. @param text the JSON of the object without its last brace */
export function checkedLine(text: string): string {
  return `${text},"crc32":"${checksum(text)}"}\n`;
}

/** Says whether a line, given without its newline, is as {@link toCheckedLine} has written it. */
export function isChecked(line: Buffer): boolean {
  const text = line.subarray(0, -CHECKSUM_BYTES);
  return line.toString('latin1', text.length) === `,"crc32":"${checksum(text)}"}`;
}

function checksum(text: string | Buffer): string {
  return crc32(text).toString(16).padStart(8, '0');
}
