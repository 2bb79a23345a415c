import { NiwaError } from '../../errors.js';

/** A member of a tar. Names are bytes, kept as strings with one character (0 to 255) for each byte. */
export interface TarEntry {
  type: 'file' | 'directory' | 'symlink' | 'link' | 'char' | 'block' | 'fifo';
  path: string;
  /** Of a symbolic or hard link; "" for the others. */
  target: string;
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  /** Bytes of the whole file, holes included. */
  size: number;
  xattrs: { name: string; value: Buffer }[];
}

/** Bytes of a file at their place in it. */
export interface Piece {
  offset: number;
  data: Buffer;
}

/** Bytes that are stored of a sparse file, from `offset` on; the rest are holes. */
export interface Region {
  offset: number;
  length: number;
}

/** An error for a tar that is damaged, or made to do harm. */
export function badTar(what: string): NiwaError {
  return new NiwaError('IMAGE_INVALID', `the tar is damaged or hostile: ${what}`);
}
