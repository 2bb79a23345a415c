import { Type } from 'typebox';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { requireBoundedJson } from '../spec/bounds.js';
import { shortened } from '../spec/problems.js';
import { DIGEST_PATTERN, type ImageConfig, parseConfig, parseJson, requireShape } from './config.js';

/**
 * Finds the images in a tar: in an OCI image layout, or in the output of `docker save`. The content decides which of
 * the two it is.
 */

/** A file of the tar, written to disk. */
export interface Blob {
  file: string;
  bytes: number;
  /** The hexadecimal sha256 of the file, computed while the tar was received. */
  sha256: string;
}

/** The files of the tar. */
export interface Contents {
  /** Gives the file at a path of the tar, also through links; undefined where there is none. */
  find(path: string): Blob | undefined;
  /** Reads a small file in full. @throws NiwaError IMAGE_INVALID where the file is not small */
  read(blob: Blob): Promise<Buffer>;
}

/** An image that can be imported. */
export interface FoundImage {
  /** The names that the tar gives to the image. */
  names: string[];
  /**
   * The hexadecimal sha256 of the configuration. It stands for the whole image, since the configuration has the digests
   * of all layers.
   */
  id: string;
  configBytes: Buffer;
  config: ImageConfig;
  /** The tar of each layer, compressed or not, the lowest layer first. */
  layers: Blob[];
}

/** The platform whose image is picked from an index, in the words of images: mostly that of this machine. */
export interface Platform {
  os: string;
  architecture: string;
}

const Descriptor = Type.Object({
  mediaType: Type.Optional(Type.String()),
  digest: Type.String({ pattern: DIGEST_PATTERN, description: 'sha256: and 64 hexadecimal digits' }),
  size: Type.Integer({ minimum: 0, description: 'bytes' }),
  platform: Type.Optional(
    Type.Object({ os: Type.Optional(Type.String()), architecture: Type.Optional(Type.String()) }),
  ),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
});
type Descriptor = {
  mediaType?: string;
  digest: string;
  size: number;
  platform?: { os?: string; architecture?: string };
  annotations?: Record<string, string>;
};
const IndexSchema = Type.Object({
  manifests: Type.Array(Descriptor, { maxItems: 1000, description: 'a list of descriptors' }),
});
const ManifestSchema = Type.Object({
  config: Descriptor,
  layers: Type.Array(Descriptor, { maxItems: 500, description: 'a list of at most 500 descriptors' }),
});
const DockerSchema = Type.Array(
  Type.Object({
    Config: Type.String(),
    RepoTags: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
    Layers: Type.Array(Type.String(), { maxItems: 500, description: 'a list of at most 500 paths' }),
  }),
  { minItems: 1, maxItems: 1000, description: 'a list of images' },
);

/** How much of an image an error shows: an image may have any number of platforms, with names of any length. */
const SHOWN_PLATFORMS = 10;
const SHOWN_NAME = 60;
const SHOWN_PATH = 200;
/** The most manifests in all indexes of a tar together. */
const MAX_MANIFESTS = 1000;
/** How deep an index may be in other indexes. */
const MAX_DEPTH = 4;
const NAME_ANNOTATIONS = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];
const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/**
 * Gives the images of a tar for a platform. After each file that is read, the event loop does its other work; the size
 * of these files is limited.
 * @throws NiwaError IMAGE_INVALID where there is no such image, or a file does not have the digest that names it
 */
export async function findImages(contents: Contents, platform: Platform): Promise<FoundImage[]> {
  const index = contents.find('index.json');
  if (index !== undefined) return await ociImages(contents, index, platform);
  const manifest = contents.find('manifest.json');
  if (manifest !== undefined) return await dockerImages(contents, manifest, platform);
  throw invalid('it has neither an index.json (OCI image layout) nor a manifest.json (docker save)');
}

async function ociImages(contents: Contents, index: Blob, platform: Platform): Promise<FoundImage[]> {
  const all = await manifestsIn(contents, index, 0, undefined);
  const fitting = all.filter(({ descriptor }) => fits(descriptor.platform, platform));
  if (fitting.length === 0)
    throw wrongPlatform(
      all.map(({ descriptor }) => descriptor.platform),
      platform,
    );
  const images: FoundImage[] = [];
  for (const { descriptor, name } of fitting) {
    const manifest = parseJson(await readBounded(contents, blobOf(contents, descriptor), 'a manifest'), 'a manifest');
    requireShape(ManifestSchema, manifest, 'a manifest');
    const { config, layers } = manifest as { config: Descriptor; layers: Descriptor[] };
    const blobs = layers.map((layer) => blobOf(contents, layer));
    images.push(await checked(contents, blobOf(contents, config), blobs, name, platform));
  }
  return images;
}

/**
 * Gives all manifests of an index and of the indexes in it. Each has its own name, or else the name of the index that
 * has it.
 */
async function manifestsIn(
  contents: Contents,
  blob: Blob,
  depth: number,
  name: string | undefined,
): Promise<{ descriptor: Descriptor; name: string[] }[]> {
  if (depth > MAX_DEPTH) throw invalid('its indexes are nested too deeply');
  const index = parseJson(await readBounded(contents, blob, 'an index'), 'an index');
  requireShape(IndexSchema, index, 'an index');
  const found: { descriptor: Descriptor; name: string[] }[] = [];
  for (const descriptor of (index as { manifests: Descriptor[] }).manifests) {
    const own = NAME_ANNOTATIONS.map((key) => descriptor.annotations?.[key]).find((text) => text) ?? name;
    if (INDEX_TYPES.includes(descriptor.mediaType ?? ''))
      found.push(...(await manifestsIn(contents, blobOf(contents, descriptor), depth + 1, own)));
    else found.push({ descriptor, name: own === undefined ? [] : [own] });
    if (found.length > MAX_MANIFESTS) throw invalid(`its indexes name more than ${MAX_MANIFESTS} manifests`);
  }
  return found;
}

async function dockerImages(contents: Contents, manifest: Blob, platform: Platform): Promise<FoundImage[]> {
  const list = parseJson(await readBounded(contents, manifest, 'the manifest.json'), 'the manifest.json');
  requireShape(DockerSchema, list, 'the manifest.json');
  const images: FoundImage[] = [];
  for (const { Config, RepoTags, Layers } of list as {
    Config: string;
    RepoTags?: string[] | null;
    Layers: string[];
  }[]) {
    const layers = Layers.map((path) => required(contents.find(path), path));
    const config = required(contents.find(Config), Config);
    images.push(await checked(contents, config, layers, RepoTags ?? [], platform));
  }
  return images;
}

async function checked(
  contents: Contents,
  configBlob: Blob,
  layers: Blob[],
  names: string[],
  platform: Platform,
): Promise<FoundImage> {
  const configBytes = await readBounded(contents, configBlob, "the image's configuration");
  const config = parseConfig(configBytes);
  if (!fits(config, platform)) throw wrongPlatform([config], platform);
  if (config.layers.length !== layers.length)
    throw invalid(`its configuration has ${config.layers.length} layers, its manifest ${layers.length}`);
  return { names, id: configBlob.sha256, configBytes, config, layers };
}

/**
 * Reads JSON that is small enough to be checked on the event loop.
 * @throws NiwaError IMAGE_INVALID where it is larger
 */
async function readBounded(contents: Contents, blob: Blob, what: string): Promise<Buffer> {
  const bytes = await contents.read(blob);
  try {
    requireBoundedJson(what, bytes.toString('latin1'));
  } catch (error) {
    throw new NiwaError('IMAGE_INVALID', messageOf(error), { cause: error });
  }
  return bytes;
}

/** Gives the file that a descriptor names; its digest and size have to be those of the descriptor. */
function blobOf(contents: Contents, { digest, size }: Descriptor): Blob {
  const hex = digest.slice('sha256:'.length);
  const blob = required(contents.find(`blobs/sha256/${hex}`), digest);
  if (blob.sha256 !== hex || blob.bytes !== size)
    throw invalid(
      `the blob ${digest} is another one: sha256:${blob.sha256}, ${blob.bytes} bytes where ${size} were told`,
    );
  return blob;
}

function required(blob: Blob | undefined, what: string): Blob {
  if (blob === undefined) throw invalid(`it names ${JSON.stringify(shortened(what, SHOWN_PATH))}, which is not in it`);
  return blob;
}

function fits(found: { os?: string; architecture?: string } | undefined, wanted: Platform): boolean {
  if (found === undefined) return true;
  return (found.os ?? wanted.os) === wanted.os && (found.architecture ?? wanted.architecture) === wanted.architecture;
}

function wrongPlatform(found: ({ os?: string; architecture?: string } | undefined)[], wanted: Platform): NiwaError {
  const names = new Set(found.map((one) => shortened(`${one?.os ?? '?'}/${one?.architecture ?? '?'}`, SHOWN_NAME)));
  const shown = [...names].slice(0, SHOWN_PLATFORMS).join(', ') + (names.size > SHOWN_PLATFORMS ? ' and others' : '');
  return invalid(`this machine runs ${wanted.os}/${wanted.architecture}, it is for ${shown || 'nothing'}`);
}

function invalid(what: string): NiwaError {
  return new NiwaError('IMAGE_INVALID', `the image cannot be used: ${what}`);
}
