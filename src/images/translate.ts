import type { LayerEntry } from '../kernel/layers.js';
import { badTar, type TarEntry } from './tar/entry.js';

/**
 * What a member of a layer's tar means on disk. Pure. Whiteouts are those of the OCI image specification's "layer.md", which
 * come from AUFS; overlayfs has its own.
 */

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** Attributes that mean the same in every container. Others are the host's own (labels of SELinux) or overlayfs's (trusted). */
const XATTRS = [/^user\./, /^security\.capability$/, /^system\.posix_acl_(access|default)$/];

/**
 * Gives what is to be made for a member; null for the bookkeeping of AUFS, "device" for a device file: no image gives any.
 * @throws NiwaError IMAGE_INVALID for a path with ".." in it, a whiteout of nothing
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
  const kept = carries ? entry.xattrs.filter(({ name }) => XATTRS.some((pattern) => pattern.test(name))) : [];
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

/** Gives a path below the layer's root in the one way in which two of the same file are equal. @throws NiwaError IMAGE_INVALID */
export function plainPath(path: string): string {
  return partsOf(path).join('/');
}

/** The parts of a path below the layer's root. A slash before them means the same: some builders write it. */
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
