import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { compressed } from '../unit/images/compress.js';
import { tarOf } from '../unit/images/make-tar.js';
import { PATIENCE } from './support/host.js';
import { dockerTar, importBytes, say, sha256, shell } from './support/images.js';
import { makePlace, Niwad, removePlace } from './support/niwad.js';

const MIB = 1024 * 1024;
const storeOf = (place: { stateDir: string }, ...path: string[]) => join(place.stateDir, 'images', ...path);

test('a niwad that is killed during an import leaves nothing of it, and what runs keeps its layers', async () => {
  const place = makePlace();
  let niwad = await Niwad.start(place);
  try {
    const layer = tarOf(...shell());
    await importBytes(niwad, dockerTar([layer]), 'keeps');
    const process = { args: ['/bin/sh', '-c', 'while :; do sleep 0.1; done'] };
    await niwad.start({ id: 'keeps', root: { image: 'keeps' }, process });
    await niwad.client.removeImage('keeps');

    const whole = dockerTar([tarOf({ path: 'big', data: Buffer.alloc(8 * MIB, 1) })]);
    const half = new PassThrough();
    const told = (async () => {
      for await (const _ of niwad.client.importImage(half, 'half'));
    })();
    const failed = expect(told).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    half.write(whole.subarray(0, 6 * MIB));
    await vi.waitFor(() => {
      const [work = ''] = readdirSync(storeOf(place, 'tmp'));
      expect(statSync(storeOf(place, 'tmp', work, 'blobs', '0')).size).toBeGreaterThan(4 * MIB);
    }, PATIENCE);
    await niwad.stop('SIGKILL');
    await failed;
    mkdirSync(storeOf(place, 'layers', sha256('a layer that no index names')));

    niwad = await Niwad.start(place);
    expect(readdirSync(storeOf(place, 'tmp'))).toEqual([]);
    expect(readdirSync(storeOf(place, 'layers'))).toEqual([sha256(layer)]);
    expect(await niwad.client.images()).toEqual([]);
    expect((await niwad.client.inspect('keeps')).image?.name).toBe('keeps:latest');
    await niwad.client.remove('keeps', { force: true });
    await vi.waitFor(() => expect(readdirSync(storeOf(place, 'layers'))).toEqual([]), PATIENCE);
  } finally {
    await niwad.stop();
    await removePlace(place);
  }
});

test('an image is bounded, whatever it unpacks to, and a client that goes away leaves nothing', async () => {
  const place = makePlace({ images: { maxBytes: 4 * MIB, maxEntries: 50 } });
  const niwad = await Niwad.start(place);
  const { gzipSync } = await import('node:zlib');
  const refused = (layer: Buffer, text: string) =>
    expect(importBytes(niwad, dockerTar([gzipSync(layer)], {}, [], [sha256(layer)]), 'bomb')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining(text),
    });
  try {
    await refused(tarOf({ path: 'zeros', data: Buffer.alloc(64 * MIB) }), 'images.maxBytes');
    const many = Array.from({ length: 60 }, (_, i) => ({ path: `d/${i}`, data: '' }));
    await refused(tarOf(...many), 'images.maxEntries');
    await refused(tarOf({ path: 'x', pax: { path: `${'d/'.repeat(60)}x` } }), 'images.maxEntries');
    await refused(Buffer.concat([tarOf({ path: 'x' }), Buffer.alloc(64 * MIB)]), 'images.maxBytes'); // behind its end
    const tooBig = (tar: Buffer) =>
      expect(importBytes(niwad, tar, 'big')).rejects.toMatchObject({
        message: expect.stringContaining('images.maxBytes'),
      });
    const zeros = tarOf({ path: 'x', data: Buffer.alloc(5 * MIB) });
    await tooBig(zeros);
    for (const program of ['gzip', 'zstd', 'xz', 'bzip2'] as const) await tooBig(await compressed(program, zeros));
    const big = tarOf({ path: 'f', data: Buffer.alloc(3 * MIB) });
    await tooBig(dockerTar([big, tarOf({ path: 'copied', type: '1', target: 'f' })]));
    const body = new PassThrough();
    const told = niwad.client.importImage(body, 'gone');
    body.write(dockerTar([tarOf({ path: 'x', data: Buffer.alloc(3 * MIB) })]).subarray(0, 2 * MIB));
    await told.next();
    await told.return(undefined);
    niwad.client.close();
    await vi.waitFor(() => expect(readdirSync(storeOf(place, 'tmp'))).toEqual([]), PATIENCE);
    expect(readdirSync(storeOf(place, 'layers'))).toEqual([]);
    expect(niwad.log).not.toContain('"level":"error"');
  } finally {
    await niwad.stop();
    await removePlace(place);
  }
});

test('what an earlier version has stored goes on working, and an import makes it anew', async () => {
  const place = makePlace();
  let niwad = await Niwad.start(place);
  try {
    const layers = [tarOf(...shell()), tarOf({ path: 'bin/x', data: 'x' })];
    const image = dockerTar(layers);
    await importBytes(niwad, image, 'old');
    await niwad.stop();
    // Layers had the names of their own tars, whatever was below them.
    const index = storeOf(place, 'index.json');
    const { images, layers: stored, ...rest } = JSON.parse(readFileSync(index, 'utf8')) as Record<string, object>;
    const [[id, { layers: chain }]] = Object.entries(images ?? {}) as [[string, { layers: string[] }]];
    const names = layers.map(sha256);
    for (const [i, name] of names.entries())
      renameSync(storeOf(place, 'layers', chain[i] ?? ''), storeOf(place, 'layers', name));
    const old = {
      images: { [id]: { layers: names } },
      layers: Object.fromEntries(names.map((name) => [name, { bytes: 1 }])),
    };
    expect(Object.keys(stored ?? {}).sort()).toEqual([...chain].sort());
    writeFileSync(index, JSON.stringify({ ...rest, ...old }));

    niwad = await Niwad.start(place);
    expect((await niwad.client.images())[0]?.layers).toEqual(names.map((name) => `sha256:${name}`));
    expect(await say(niwad, 'old', 'cat /bin/x')).toBe('x');
    await importBytes(niwad, image, 'old');
    expect(await say(niwad, 'old', 'cat /bin/x')).toBe('x');
    await vi.waitFor(() => expect(readdirSync(storeOf(place, 'layers')).sort()).toEqual([...chain].sort()), PATIENCE);
  } finally {
    await niwad.stop();
    await removePlace(place);
  }
});
