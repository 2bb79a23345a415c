import { expect, it } from 'vitest';
import { type Contents, findImages } from '../../../src/images/layout.js';
import type { NiwaError } from '../../../src/protocol/errors.js';

const PLATFORM = { os: 'linux', architecture: 'amd64' };
const DIGEST = '0'.repeat(64);

/** What a tar with these files of JSON holds. */
function contentsOf(files: Record<string, unknown>): Contents {
  return {
    find: (path) => (path in files ? { file: path, bytes: 1, sha256: path.replace('blobs/sha256/', '') } : undefined),
    read: async ({ file }) => Buffer.from(JSON.stringify(files[file])),
  };
}

const messageFor = async (files: Record<string, unknown>) =>
  await findImages(contentsOf(files), PLATFORM).then(
    () => 'it is taken',
    (error: NiwaError) => error.message,
  );

it('refuses an image for other machines in a message of a few words, however many and long their names are', async () => {
  const descriptor = (architecture: string) => ({ digest: `sha256:${DIGEST}`, size: 1, platform: { architecture } });
  const few = { manifests: [descriptor('arm64'), descriptor('arm64'), descriptor('s390x')] };
  expect(await messageFor({ 'index.json': few })).toBe(
    'the image cannot be used: this machine runs linux/amd64, it is for ?/arm64, ?/s390x',
  );
  const many = Array.from({ length: 1000 }, (_, i) => descriptor(`${'x'.repeat(1000)}${i}`));
  const message = await messageFor({
    'index.json': {
      manifests: many.map((one, i) => ({ ...one, platform: { architecture: `${i}`, os: 'x'.repeat(1000) } })),
    },
  });
  expect(message.length).toBeLessThan(1000);
  expect((await messageFor({ 'index.json': { manifests: many } })).length).toBeLessThan(1000);
});

it('refuses an image that names a file which is not there, and does not repeat a long name', async () => {
  const naming = (path: string) => ({ 'manifest.json': [{ Config: path, Layers: [] }] });
  expect(await messageFor(naming('a.json'))).toBe('the image cannot be used: it names "a.json", which is not in it');
  expect((await messageFor(naming('a'.repeat(1e6)))).length).toBeLessThan(1000);
});

it('refuses an index with a wrong field, and does not repeat a long name of it', async () => {
  const index = { manifests: [{ digest: `sha256:${DIGEST}`, size: 1, annotations: { ['a'.repeat(1e6)]: 1 } }] };
  expect(await messageFor({ 'index.json': index })).toMatch(/^an index is invalid: manifests\[0\]\.annotations\.aaa/);
  expect((await messageFor({ 'index.json': index })).length).toBeLessThan(1000);
});

it('refuses an index that says too much, before it is parsed, and indexes that name each other again and again', async () => {
  const annotations = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`name-${i}`, '']));
  const manifest = { digest: `sha256:${DIGEST}`, size: 1 };
  const large = { manifests: [{ ...manifest, annotations }] };
  expect(await messageFor({ 'index.json': large })).toBe('an index is too large: it may have at most 12000 values');
  const nested = { ...manifest, mediaType: 'application/vnd.oci.image.index.v1+json' };
  const files = {
    'index.json': { manifests: Array(1000).fill(nested) },
    [`blobs/sha256/${DIGEST}`]: { manifests: Array(500).fill(manifest) },
  };
  expect(await messageFor(files)).toBe('the image cannot be used: its indexes name more than 1000 manifests');
});
