import { NiwaError } from '../../protocol/errors.js';

/** A member of a tar. Names are bytes, kept as strings with one character (0 to 255) for each byte. */
export interface TarEntry {
  type: 'file' | 'directory' | 'symlink' | 'link' | 'char' | 'block' | 'fifo';
  path: string;
  /** The target of a symbolic or hard link; "" for other members. */
  target: string;
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  /** The bytes of the whole file, its holes included. */
  size: number;
  xattrs: { name: string; value: Buffer }[];
}

/** Bytes of a file, and their offset in the file. */
export interface Piece {
  offset: number;
  data: Buffer;
}

/** A part of a sparse file whose bytes are stored. The rest of the file are holes. */
export interface Region {
  offset: number;
  length: number;
}

/** Makes the error for a tar that is damaged, or made to do harm. */
export function badTar(what: string): NiwaError {
  return new NiwaError('IMAGE_INVALID', `the tar is damaged or hostile: ${what}`);
}
