import { expect } from 'vitest';
import { PLATFORM } from '../../src/images/import.js';
import { tarOf } from '../unit/images/make-tar.js';
import { importBytes, ociTar, sha256 } from './support/images.js';
import { test } from './support/test.js';

/**
 * Names the next file of a chain a thousand times, so that its last one is read so often to the power of its length.
 */
function indexBomb(): Buffer {
  const files = new Map<string, Buffer>();
  let index = Buffer.from(JSON.stringify({ manifests: [] }));
  for (let depth = 0; depth < 4; depth++) {
    const digest = sha256(index);
    files.set(`blobs/sha256/${digest}`, index);
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const one = { mediaType, digest: `sha256:${digest}`, size: index.length };
    index = Buffer.from(JSON.stringify({ manifests: Array(1000).fill(one) }));
  }
  return ociTar(files.set('index.json', index));
}

test('indexes that name each other without end are refused soon', async ({ niwad }) => {
  await expect(importBytes(niwad, indexBomb(), 'bomb')).rejects.toMatchObject({
    code: 'IMAGE_INVALID',
    message: expect.stringContaining('too often'),
  });
});

test('a large configuration that a thousand images share is not held a thousand times', async ({ niwad }) => {
  const labels = { filler: 'x'.repeat(1024 * 1024) };
  const layer = tarOf({ path: 'x' });
  const config = JSON.stringify({
    ...PLATFORM,
    config: { Labels: labels },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const image = { Config: 'config.json', RepoTags: ['many'], Layers: ['layer.tar'] };
  const tar = tarOf(
    { path: 'layer.tar', data: layer },
    { path: 'config.json', data: config },
    { path: 'manifest.json', data: JSON.stringify(Array(1000).fill(image)) },
  );
  await expect(importBytes(niwad, tar)).rejects.toMatchObject({
    code: 'IMAGE_INVALID',
    message: expect.stringContaining('too often'),
  });
});
