import type { LayerEntry } from '../kernel/layers.js';
import { badTar, type TarEntry } from './tar/entry.js';

/**
 * Says what a member of a layer's tar becomes on disk. Pure. A whiteout is a member that deletes a file of the layers
 * below. In tars whiteouts have the form of the OCI image specification ("layer.md"), which comes from AUFS; on disk
 * they have that of overlayfs.
 */

export const WHITEOUT = '.wh.';
export const OPAQUE = '.wh..wh..opq';

/**
 * Extended attributes that mean the same in every container. Others belong to the host (labels of SELinux) or to
 * overlayfs (trusted).
 */
const XATTRS = [/^user\./, /^security\.capability$/, /^system\.posix_acl_(access|default)$/];

/** Says whether a layer keeps an extended attribute. */
export function isKeptXattr(name: string): boolean {
  return XATTRS.some((pattern) => pattern.test(name));
}

/**
 * Gives the entry that is to be made for a member; null for AUFS's own files; "device" for a device file, which is not
 * made.
 * @throws NiwaError IMAGE_INVALID for a path with ".." in it, or a whiteout that names no file
 */
export function translate(entry: TarEntry): LayerEntry | 'device' | null {
  const parts = partsOf(entry.path);
  const name = parts.at(-1) ?? '';
  if (parts.slice(0, -1).some((part) => part.startsWith(WHITEOUT))) throw badTar(`${shown(entry)} is below a whiteout`);
  if (name === OPAQUE) return made(entry, 'opaque', parts.slice(0, -1));
  if (name.startsWith(WHITEOUT)) return whiteout(entry, parts, name.slice(WHITEOUT.length));
  if (entry.type === 'char' || entry.type === 'block') return 'device';
  if (entry.type === 'link') return made(entry, 'link', parts, partsOf(entry.target).join('/'));
  return made(entry, entry.type, parts, entry.type === 'symlink' ? entry.target : '');
}

function whiteout(entry: TarEntry, parts: string[], hidden: string): LayerEntry | null {
  if (hidden.startsWith(WHITEOUT)) return null;
  if (hidden === '' || hidden === '.' || hidden === '..') throw badTar(`${shown(entry)} hides nothing`);
  return made(entry, 'whiteout', [...parts.slice(0, -1), hidden]);
}

function made(entry: TarEntry, kind: LayerEntry['kind'], parts: string[], target = ''): LayerEntry {
  const { mode, uid, gid, mtimeSec, mtimeNsec } = entry;
  const carries = kind === 'file' || kind === 'directory';
  const kept = carries ? entry.xattrs.filter(({ name }) => isKeptXattr(name)) : [];
  return {
    kind,
    path: bytes(parts.join('/')),
    target: bytes(target),
    mode,
    uid,
    gid,
    mtimeSec,
    mtimeNsec,
    xattrs: kept.map(({ name, value }) => [bytes(name), value]),
  };
}

/**
 * Gives a path below the layer's root in its shortest form, so that equal paths are equal texts.
 * @throws NiwaError IMAGE_INVALID
 */
export function plainPath(path: string): string {
  return partsOf(path).join('/');
}

/** Gives the parts of a path below the layer's root. A slash at the beginning is ignored: some builders write it. */
function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw badTar(`the path ${JSON.stringify(path)} has ".." in it`);
  return parts;
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function shown({ path }: TarEntry): string {
  return JSON.stringify(path);
}
