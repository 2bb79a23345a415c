import type { TarEntry } from './entry.js';
import { BLOCK } from './header.js';

/**
 * Writes tars in the pax format, see pax(1). The same members always give the same bytes: nothing of the time or of the
 * machine is in them. What a field of the header cannot hold stands in an extended header before it.
 */

const TYPES: Record<TarEntry['type'], string> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
const EXTENDED = 'x';
/** The lengths of the fields of a header, in bytes. */
const NAME = 100;
const MAX_ID = 0o7777777;
const MAX_NUMBER = 0o77777777777;

/** The end of a tar. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/**
 * Gives the header of a member; its contents, `size` bytes, and {@link paddingOf} come behind it.
 * @param entry only `size` counts for the length of the contents; it has to be 0 unless the member is a file
 */
export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.type === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path;
  const records = recordsOf({ ...entry, path });
  const header = block(TYPES[entry.type], { ...entry, path });
  if (records.length === 0) return header;
  const extension = Buffer.concat(records);
  const own = { path: 'pax', target: '', mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, size: extension.length };
  return Buffer.concat([block(EXTENDED, own), extension, paddingOf(extension.length), header]);
}

/** Gives the zeros that fill the last block of a file. */
export function paddingOf(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Gives the records "LENGTH KEY=VALUE\n" for what the header cannot hold. */
function recordsOf({ path, target, uid, gid, size, mtimeSec, mtimeNsec, xattrs }: TarEntry): Buffer[] {
  const fits = (text: string) => text.length <= NAME && /^[\x20-\x7e]*$/.test(text);
  const isWhole = mtimeNsec === 0 && mtimeSec >= 0 && mtimeSec <= MAX_NUMBER;
  const records: [key: string, value: string | Buffer][] = [
    ...(fits(path) ? [] : [['path', path] as [string, string]]),
    ...(fits(target) ? [] : [['linkpath', target] as [string, string]]),
    ...(uid <= MAX_ID ? [] : [['uid', String(uid)] as [string, string]]),
    ...(gid <= MAX_ID ? [] : [['gid', String(gid)] as [string, string]]),
    ...(size <= MAX_NUMBER ? [] : [['size', String(size)] as [string, string]]),
    ...(isWhole ? [] : [['mtime', timeText(mtimeSec, mtimeNsec)] as [string, string]]),
    ...xattrs
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, value }) => [`SCHILY.xattr.${name}`, value] as [string, Buffer]),
  ];
  return records.map(([key, value]) => record(key, typeof value === 'string' ? Buffer.from(value, 'latin1') : value));
}

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Writes a time, also before 1970: the nanoseconds of {@link TarEntry} always count forward. */
function timeText(sec: number, nsec: number): string {
  if (nsec === 0) return String(sec);
  const isBefore = sec < 0;
  const [whole, rest] = isBefore ? [-sec - 1, 1e9 - nsec] : [sec, nsec];
  return `${isBefore ? '-' : ''}${whole}.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
}

function block(
  type: string,
  { path, target, mode, uid, gid, mtimeSec, size }: Omit<TarEntry, 'type' | 'xattrs' | 'mtimeNsec'>,
): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number, most: number) =>
    bytes.write((value >= 0 && value <= most ? value : 0).toString(8).padStart(width - 1, '0'), at, 'latin1');
  bytes.write(path, 0, NAME, 'latin1');
  octal(mode & 0o7777, 100, 8, MAX_ID);
  octal(uid, 108, 8, MAX_ID);
  octal(gid, 116, 8, MAX_ID);
  octal(size, 124, 12, MAX_NUMBER);
  octal(mtimeSec, 136, 12, MAX_NUMBER);
  bytes.fill(' ', 148, 156);
  bytes.write(type, 156, 'latin1');
  bytes.write(target, 157, NAME, 'latin1');
  bytes.write('ustar\u000000', 257, 'latin1');
  const sum = bytes.reduce((all, byte) => all + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}
