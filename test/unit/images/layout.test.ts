import { expect, it } from 'vitest';
import { type Contents, findImages } from '../../../src/images/layout.js';
import { refusal } from '../support.js';

const PLATFORM = { os: 'linux', architecture: 'amd64' };
const DIGEST = '0'.repeat(64);

/** What a tar with these files of JSON holds. */
function contentsOf(files: Record<string, unknown>): Contents {
  return {
    find: (path) => (path in files ? { file: path, bytes: 1, sha256: path.replace('blobs/sha256/', '') } : undefined),
    read: ({ file }) => Buffer.from(JSON.stringify(files[file])),
  };
}

const messageFor = (files: Record<string, unknown>) => refusal(() => findImages(contentsOf(files), PLATFORM)).message;

it('refuses an image for other machines in a message of a few words, however many and long their names are', () => {
  const descriptor = (architecture: string) => ({ digest: `sha256:${DIGEST}`, size: 1, platform: { architecture } });
  const few = { manifests: [descriptor('arm64'), descriptor('arm64'), descriptor('s390x')] };
  expect(messageFor({ 'index.json': few })).toBe(
    'the image cannot be used: this machine runs linux/amd64, it is for ?/arm64, ?/s390x',
  );
  const many = Array.from({ length: 1000 }, (_, i) => descriptor(`${'x'.repeat(1000)}${i}`));
  const message = messageFor({
    'index.json': {
      manifests: many.map((one, i) => ({ ...one, platform: { architecture: `${i}`, os: 'x'.repeat(1000) } })),
    },
  });
  expect(message.length).toBeLessThan(1000);
  expect(messageFor({ 'index.json': { manifests: many } }).length).toBeLessThan(1000);
});

it('refuses an image that names a file which is not there, and does not repeat a long name', () => {
  const naming = (path: string) => ({ 'manifest.json': [{ Config: path, Layers: [] }] });
  expect(messageFor(naming('a.json'))).toBe('the image cannot be used: it names "a.json", which is not in it');
  expect(messageFor(naming('a'.repeat(1e6))).length).toBeLessThan(1000);
});

it('refuses an index with a wrong field, and does not repeat a long name of it', () => {
  const index = { manifests: [{ digest: `sha256:${DIGEST}`, size: 1, annotations: { ['a'.repeat(1e6)]: 1 } }] };
  expect(messageFor({ 'index.json': index })).toMatch(/^an index is invalid: manifests\[0\]\.annotations\.aaa/);
  expect(messageFor({ 'index.json': index }).length).toBeLessThan(1000);
});
