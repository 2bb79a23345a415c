import { createReadStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../host/remove-tree.js';
import { NiwaError } from '../protocol/errors.js';
import type { ImportProgress } from '../protocol/images.js';
import { parseReference } from '../spec/reference.js';
import { chainIds } from './chain.js';
import { decompressed } from './decompress.js';
import { type Blob, type FoundImage, findImages, type Platform } from './layout.js';
import type { Budget, ImageLimits } from './limits.js';
import { spool } from './spool.js';
import type { ImageStore, UnpackedLayer } from './store.js';
import { type Unpacking, unpackLayer } from './unpack.js';

/** Between two reports of the progress are at least so many bytes. */
const REPORT_BYTES = 1024 * 1024;

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The platform of this machine, named as in images. */
export const PLATFORM: Platform = { os: 'linux', architecture: ARCHITECTURES[process.arch] ?? process.arch };

/**
 * Imports the images of a tar (an OCI image layout, or the output of `docker save`) into the store. Either all of them
 * get their names, or the store stays as it was.
 * @param name the name of the image, instead of the names in the tar; the tar must have only one image then
 * @param tell called with the progress
 * @throws NiwaError IMAGE_INVALID, SPEC_INVALID for a name, HOST_ERROR
 */
export async function importImages(
  store: ImageStore,
  tar: AsyncIterable<Buffer>,
  name: string | undefined,
  limits: ImageLimits,
  tell: (progress: ImportProgress) => void,
): Promise<void> {
  const given = name === undefined ? undefined : parseReference(name);
  const work = store.makeTemporary();
  let unpin = () => {};
  try {
    const blobs = join(work, 'blobs');
    mkdirSync(blobs);
    const receiving = sometimes((bytes) => tell({ type: 'receiving', bytes }));
    const contents = await spool(decompressed(tar, limits.maxBytes), blobs, receiving);
    const images = withNames(await findImages(contents, PLATFORM), given);
    unpin = store.pin(images.flatMap(({ config }) => chainIds(config.layers).map((layer) => store.directoryOf(layer))));
    for (const image of images) await addLayers(store, image, join(work, 'layer'), limits, tell);
    store.addImages(images.map((image) => ({ ...image, layers: chainIds(image.config.layers) })));
    for (const found of images.flatMap(({ names }) => names)) {
      const image = store.find(found);
      if (image !== undefined) tell({ type: 'image', image });
    }
  } finally {
    unpin();
    await removeTree(work);
  }
}

/**
 * Gives each image the names that it is to get.
 * @throws NiwaError IMAGE_INVALID where an image has no name, or two have the same
 */
function withNames(images: FoundImage[], given: string | undefined): FoundImage[] {
  const ids = new Set(images.map(({ id }) => id));
  const [first] = images;
  if (given !== undefined && first !== undefined) {
    if (ids.size > 1)
      throw new NiwaError(
        'IMAGE_INVALID',
        `it holds ${ids.size} images (${namesOf(images)}): import it without a name`,
      );
    return [{ ...first, names: [given] }];
  }
  const named = images.map((image) => ({ ...image, names: image.names.map(parseReference) }));
  const nameless = named.find(({ names }) => names.length === 0);
  if (nameless !== undefined)
    throw new NiwaError('IMAGE_INVALID', 'the image has no name in what was sent: give it one');
  return named;
}

function namesOf(images: FoundImage[]): string {
  return images.map(({ names, id }) => names[0] ?? id.slice(0, 12)).join(', ');
}

async function addLayers(
  store: ImageStore,
  { config, layers }: FoundImage,
  work: string,
  limits: ImageLimits,
  tell: (progress: ImportProgress) => void,
): Promise<void> {
  const budget: Budget = { bytes: limits.maxBytes, entries: limits.maxEntries };
  const chain = chainIds(config.layers);
  for (const [i, blob] of layers.entries()) {
    const diffId = config.layers[i] ?? '';
    const about = { layer: `sha256:${diffId}`, number: i + 1, total: layers.length };
    const unpacking: Unpacking = {
      directory: `${work}-${chain[i]}`,
      below: chain
        .slice(0, i)
        .reverse()
        .map((layer) => store.directoryOf(layer)),
      budget,
      report: sometimes((bytes) => tell({ type: 'unpacking', ...about, bytes })),
      warn: (text) => tell({ type: 'warning', message: `layer ${i + 1} of ${layers.length}: ${text}` }),
    };
    const shared = await store.addLayer(chain[i] ?? '', () => unpackBlob(blob, diffId, unpacking, limits.maxBytes));
    tell({ type: 'layer', ...about, shared });
  }
}

/**
 * Unpacks a layer into a temporary directory.
 * @throws NiwaError IMAGE_INVALID where its digest is not the one that the image names
 */
async function unpackBlob(
  { file }: Blob,
  diffId: string,
  unpacking: Unpacking,
  maxBytes: number,
): Promise<UnpackedLayer> {
  mkdirSync(unpacking.directory, { mode: 0o755 });
  const source = createReadStream(file, { highWaterMark: REPORT_BYTES });
  const pieces = source as AsyncIterable<Buffer>;
  const unpacked = unpackLayer(decompressed(pieces, maxBytes), unpacking);
  const { bytes, sha256 } = await unpacked.finally(() => source.destroy());
  if (sha256 !== diffId)
    throw new NiwaError(
      'IMAGE_INVALID',
      `the image cannot be used: the layer sha256:${diffId} is another one: sha256:${sha256}`,
    );
  return { directory: unpacking.directory, bytes };
}

/**
 * Gives a function that calls `report` with the first number, and then once in each {@link REPORT_BYTES}. Numbers have
 * to grow.
 */
function sometimes(report: (bytes: number) => void): (bytes: number) => void {
  let next = 0;
  return (bytes) => {
    if (bytes < next) return;
    next = bytes + REPORT_BYTES;
    report(bytes);
  };
}
