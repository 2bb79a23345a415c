import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { takeAwayOfNiwad } from '../host/own-limits.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { breather } from './breather.js';
import type { TarEntry } from './tar/entry.js';
import { readTar } from './tar/reader.js';
import { paddingOf, TAR_END, tarHeader } from './tar/writer.js';
import { isKeptXattr, OPAQUE, plainPath, WHITEOUT } from './translate.js';

/**
 * Makes the tar of a layer again out of its files: the opposite of unpack.ts. GNU tar reads the files, since it knows
 * extended attributes, hard links and names of any bytes; here its members get the form of an image's layer.
 */

const ARGUMENTS = ['--create', '--format=posix', '--sort=name', '--numeric-owner', '--xattrs', '--xattrs-include=*'];
const OVERLAY_OPAQUE = 'trusted.overlay.opaque';
const MAX_TOLD_CHARACTERS = 500;

/**
 * Gives the tar of a layer. The same files always give the same bytes.
 * @param directory the files, in the form of an upper layer of overlayfs
 * @throws NiwaError HOST_ERROR where the files cannot be read
 */
export async function* packLayer(directory: string): AsyncGenerator<Buffer> {
  const breathe = breather();
  for await (const { entry, contents } of readTar(filesOf(directory))) {
    await breathe();
    const packed = packedAs(entry);
    for (const member of packed) yield tarHeader(member);
    if (packed[0]?.type !== 'file' || entry.type !== 'file') continue;
    for await (const { data } of contents) yield data;
    yield paddingOf(entry.size);
  }
  yield TAR_END;
}

/**
 * Gives the members of a layer's tar that stand for a file of an upper layer: whiteouts of overlayfs get the form of
 * the OCI image specification ("layer.md"). Pure.
 */
export function packedAs(entry: TarEntry): TarEntry[] {
  const path = plainPath(entry.path);
  if (path === '' && isPlainRoot(entry)) return [];
  if (entry.type === 'char' || entry.type === 'block') return [whiteout(entry, path)]; // niwa makes no other device
  const isOpaque = entry.xattrs.some(({ name }) => name === OVERLAY_OPAQUE);
  const kept = entry.xattrs.filter(({ name }) => isKeptXattr(name));
  const target = entry.type === 'link' ? plainPath(entry.target) : entry.target;
  const own = {
    ...entry,
    path: path === '' ? './' : path,
    target,
    xattrs: kept,
    size: entry.type === 'file' ? entry.size : 0,
  };
  return isOpaque ? [own, marker(entry, `${path}/${OPAQUE}`)] : [own];
}

/** Whether the root of a layer is as it is where the layer says nothing about it. */
function isPlainRoot({ mode, uid, gid, xattrs }: TarEntry): boolean {
  return mode === 0o755 && uid === 0 && gid === 0 && !xattrs.some(({ name }) => isKeptXattr(name));
}

function whiteout(entry: TarEntry, path: string): TarEntry {
  const slash = path.lastIndexOf('/') + 1;
  return marker(entry, `${path.slice(0, slash)}${WHITEOUT}${path.slice(slash)}`);
}

/** An empty file whose name alone counts. It has no time: that of a whiteout is the time of its import. */
function marker(entry: TarEntry, path: string): TarEntry {
  const none = { uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, size: 0 };
  return { ...entry, ...none, type: 'file', path, target: '', mode: 0o600, xattrs: [] };
}

/** Gives the tar that GNU tar writes of a directory. @throws NiwaError HOST_ERROR */
async function* filesOf(directory: string): AsyncGenerator<Buffer> {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  const child = spawn('tar', [...ARGUMENTS, '--directory', directory, '--file', '-', '.'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) takeAwayOfNiwad(child.pid);
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  closed.catch(() => {}); // where tar cannot be started, the wait for "spawn" below fails
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(0, MAX_TOLD_CHARACTERS)));
  await once(child, 'spawn').catch((error: unknown) => {
    throw new NiwaError('HOST_ERROR', `GNU tar cannot be started, install it: ${messageOf(error)}`, { cause: error });
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [code] = await closed;
    if (code !== 0)
      throw new NiwaError('HOST_ERROR', `the files of a layer cannot be read (${directory}): ${told.trim()}`);
  } finally {
    child.kill('SIGKILL');
    child.stdout.destroy();
    await Promise.allSettled([closed]);
  }
}
