import { createHash } from 'node:crypto';
import { NiwaError } from '../protocol/errors.js';
import type { ImageInfo } from '../protocol/images.js';
import { fullReference } from '../spec/reference.js';
import { parseJson } from './config.js';
import { packLayer } from './pack.js';
import type { ImageStore } from './store.js';
import { paddingOf, TAR_END, tarHeader } from './tar/writer.js';

/**
 * Writes an image as the tar of an OCI image layout ("image-layout.md" of the image specification), with the
 * manifest.json that older readers of `docker save` ask for. The store has the files of a layer, not the tar that was
 * imported; so the layers are made again, and their digests, and that of the image, may be others than those of the
 * import.
 */

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** A file of the layout, before it is written. */
interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

/** An image that is ready to be written. */
export interface Saving {
  /** The bytes of the whole tar. */
  bytes: number;
  /** Gives the tar. */
  tar(): AsyncGenerator<Buffer>;
}

/**
 * Prepares the tar of an image. Each layer is read here for its digest, and read again when the tar is written: neither
 * memory nor disk ever holds a whole layer.
 * @param signal ends the preparation
 * @throws NiwaError NOT_FOUND, HOST_ERROR
 */
export async function prepareSave(store: ImageStore, reference: string, signal: AbortSignal): Promise<Saving> {
  const { info, directories } = store.open(reference);
  const layers: (Blob & { directory: string })[] = [];
  for (const directory of directories.toReversed()) layers.push({ ...(await measured(directory, signal)), directory });
  const config = configWith(
    store.configText(info.id),
    layers.map(({ digest }) => digest),
  );
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: blobOf(CONFIG_TYPE, config),
    layers: layers.map(({ directory: _, ...blob }) => blob),
  });
  const small = new Map([
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    ['index.json', indexOf(manifest, info)],
    ['manifest.json', dockerList(config, layers, info.name)],
    [pathOf(blobOf(MANIFEST_TYPE, manifest)), manifest],
    [pathOf(blobOf(CONFIG_TYPE, config)), config],
  ]);
  const once = new Map(layers.map((layer) => [layer.digest, layer]));
  const sizes = [...[...small.values()].map(({ length }) => length), ...[...once.values()].map(({ size }) => size)];
  const bytes = sizes.reduce((sum, size) => sum + sizeInTar(size), 0) + 2 * sizeInTar(0) + TAR_END.length;
  return { bytes, tar: () => written(small, [...once.values()]) };
}

async function* written(
  small: ReadonlyMap<string, Buffer>,
  layers: readonly (Blob & { directory: string })[],
): AsyncGenerator<Buffer> {
  for (const path of ['blobs', 'blobs/sha256']) yield header(path, 0, 'directory');
  for (const [path, bytes] of small) {
    yield header(path, bytes.length);
    yield bytes;
    yield paddingOf(bytes.length);
  }
  for (const layer of layers) {
    yield header(pathOf(layer), layer.size);
    yield* same(layer);
    yield paddingOf(layer.size);
  }
  yield TAR_END;
}

/** Gives the tar of a layer that has been measured. @throws NiwaError HOST_ERROR where its files have changed since */
async function* same({ directory, digest, size }: Blob & { directory: string }): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of packLayer(directory)) {
    hash.update(piece);
    bytes += piece.length;
    if (bytes > size) break;
    yield piece;
  }
  if (bytes !== size || `sha256:${hash.digest('hex')}` !== digest)
    throw new NiwaError('HOST_ERROR', `the files of a layer have changed while they were read: ${directory}`);
}

async function measured(directory: string, signal: AbortSignal): Promise<Blob> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of packLayer(directory)) {
    signal.throwIfAborted();
    hash.update(piece);
    size += piece.length;
  }
  return { mediaType: LAYER_TYPE, digest: `sha256:${hash.digest('hex')}`, size };
}

/** Gives a configuration with the digests of the layers that are written; the same bytes where they are the same. */
function configWith(text: string, diffIds: readonly string[]): Buffer {
  const config = parseJson(Buffer.from(text), "the image's configuration") as { rootfs: { diff_ids: string[] } };
  if (JSON.stringify(config.rootfs.diff_ids) === JSON.stringify(diffIds)) return Buffer.from(text);
  return json({ ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } });
}

function indexOf(manifest: Buffer, { name, architecture }: ImageInfo): Buffer {
  const annotations = {
    'io.containerd.image.name': fullReference(name),
    'org.opencontainers.image.ref.name': name,
  };
  const descriptor = { ...blobOf(MANIFEST_TYPE, manifest), annotations, platform: { os: 'linux', architecture } };
  return json({ schemaVersion: 2, manifests: [descriptor] });
}

function dockerList(config: Buffer, layers: readonly Blob[], name: string): Buffer {
  return json([{ Config: pathOf(blobOf(CONFIG_TYPE, config)), RepoTags: [name], Layers: layers.map(pathOf) }]);
}

function blobOf(mediaType: string, bytes: Buffer): Blob {
  return { mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length };
}

function pathOf({ digest }: Blob): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function header(path: string, size: number, type: 'file' | 'directory' = 'file'): Buffer {
  const mode = type === 'file' ? 0o644 : 0o755;
  return tarHeader({ type, path, target: '', mode, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, size, xattrs: [] });
}

/** The bytes of a file in a tar, with its header. */
function sizeInTar(size: number): number {
  return header('blobs', size).length + size + paddingOf(size).length;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
