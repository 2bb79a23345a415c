import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { canIdmap } from '../../src/host/filesystems.js';
import { readTar } from '../../src/images/tar/reader.js';
import { streamOf, tarOf } from '../unit/images/make-tar.js';
import { needsFile } from './support/host.js';
import { dockerTar, importBytes, say, sha256, shell, skopeo } from './support/images.js';
import { NIWA, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';

/** Two layers with everything that a layer can say: also that files of the lower one are gone. */
const LAYERS = [
  tarOf(
    ...shell(),
    { path: 'etc/', type: '5', mode: 0o751, uid: 3, gid: 4, mtime: 1_000_000_000 },
    { path: 'etc/stays', data: 'stays' },
    { path: 'etc/gone', data: 'gone' },
    { path: 'old/', type: '5', mode: 0o755 },
    { path: 'old/a', data: 'a' },
    { path: 'topgone', data: 'x' },
  ),
  tarOf(
    { path: 'etc/.wh.gone' },
    { path: '.wh.topgone' },
    { path: 'old/', type: '5', mode: 0o700 },
    { path: 'old/.wh..wh..opq' },
    { path: 'old/new', data: 'new', mode: 0o4711, uid: 65_533, mtime: 1_234_567_890 },
    { path: 'hard', type: '1', target: 'old/new' },
    { path: 'soft', type: '2', target: '/old/./new' },
    { path: 'caf\xe9', data: 'bytes', pax: { mtime: '1300000000.25' } },
    { path: 'long', data: 'long', pax: { path: `${'long/'.repeat(40)}name` } },
    { path: 'tagged', data: 'x', pax: { 'SCHILY.xattr.user.tag': 'value' } },
  ),
];

async function save({ client }: Niwad, name: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of (await client.saveImage(name)) as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The files of a tar by their paths. */
async function filesIn(tar: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const { entry, contents } of readTar(streamOf(tar, 65_536))) {
    const pieces: Buffer[] = [];
    for await (const { data } of contents) pieces.push(data);
    files.set(entry.path, Buffer.concat(pieces));
  }
  return files;
}

const SHOW =
  'cd /; find . -xdev ! -path "./proc*" ! -path "./sys*" ! -path "./dev*" ! -path . ! -path ./etc ! -path "./etc/host*" | sort | while read -r f; do stat -c "%n %a %u %g %Y %h %F" "$f"; done; cat etc/stays old/new soft tagged caf*';

test('an image that is saved has right digests, and is the same image when it is imported again', async ({ niwad }) => {
  await importBytes(niwad, dockerTar(LAYERS, { Cmd: ['sh'], Env: ['A=b'] }), 'sv-whole:1');
  const spec = { userns: 'host' } as const;
  const before = await say(niwad, 'sv-whole:1', SHOW, { readonly: true }, spec);
  expect(before).toContain('./old/new 4711 65533');
  expect(before).not.toContain('gone');
  const saved = await save(niwad, 'sv-whole:1');
  const files = await filesIn(saved);
  for (const [path, bytes] of files)
    if (/^blobs\/sha256\/./.test(path)) expect(path).toBe(`blobs/sha256/${sha256(bytes)}`);
  const json = (path: string) => JSON.parse((files.get(path) ?? '').toString());
  const [descriptor] = json('index.json').manifests;
  expect(descriptor.annotations).toMatchObject({ 'io.containerd.image.name': 'docker.io/library/sv-whole:1' });
  const manifest = json(`blobs/${descriptor.digest.replace(':', '/')}`);
  const config = json(`blobs/${manifest.config.digest.replace(':', '/')}`);
  expect(config).toMatchObject({ config: { Cmd: ['sh'], Env: ['A=b'] } });
  expect(config.rootfs.diff_ids).toEqual(manifest.layers.map(({ digest }: { digest: string }) => digest));
  const upper = await filesIn(files.get(`blobs/${config.rootfs.diff_ids[1].replace(':', '/')}`) ?? Buffer.alloc(0));
  expect([...upper.keys()]).toEqual(expect.arrayContaining(['etc/.wh.gone', '.wh.topgone', 'old/.wh..wh..opq']));

  await niwad.client.removeImage('sv-whole:1');
  await importBytes(niwad, saved);
  expect(await say(niwad, 'sv-whole:1', SHOW, { readonly: true }, spec)).toBe(before);
  expect(sha256(await save(niwad, 'sv-whole:1'))).toBe(sha256(saved));
});

test('attributes of files are saved', async ({ niwad, skip }) => {
  skip(!canIdmap(join(niwad.place.stateDir, 'images')), 'needs STATE_DIR on a file system with attributes');
  await importBytes(niwad, dockerTar(LAYERS), 'sv-attributes');
  const tars = [...(await filesIn(await save(niwad, 'sv-attributes'))).values()];
  expect(tars.some((tar) => tar.includes('SCHILY.xattr.user.tag=value\n'))).toBe(true);
});

test('skopeo reads it, as an OCI archive and as that of docker', async ({ niwad, skip }) => {
  needsFile(skip, '/usr/bin/skopeo', 'not installed');
  await importBytes(niwad, dockerTar(LAYERS), 'sv-skopeo:1');
  const { directory } = niwad.place;
  const file = join(directory, 'sv.tar');
  expect(await niwad.cli('image', 'save', 'sv-skopeo:1', '-o', file)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  for (const source of [`oci-archive:${file}:sv-skopeo:1`, `docker-archive:${file}:sv-skopeo:1`]) {
    const copy = join(directory, `copy-${source.slice(0, 3)}.tar`);
    await skopeo(source, `oci-archive:${copy}:sv-copied`);
    expect((await niwad.cli('image', 'import', copy, 'sv-copied')).exitCode).toBe(0);
    expect(await say(niwad, 'sv-copied', 'cat /old/new; ls /etc')).toBe('newstays');
  }
});

test('it goes through a pipe, and what fails leaves no file', async ({ niwad }) => {
  await importBytes(niwad, dockerTar(LAYERS), 'sv-piped');
  const env = { NIWA_SOCKET: niwad.socket, NIWA };
  const piped = await execa('sh', ['-c', '"$NIWA" save sv-piped | "$NIWA" image import - sv-again'], { env });
  expect(piped.stdout).toBe('sv-again:latest');
  const file = join(niwad.place.directory, 'nothing.tar');
  expect(await niwad.cli('image', 'save', 'sv-nobody', '-o', file)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('there is no image sv-nobody:latest'),
  });
  const full = await niwad.cli('image', 'save', 'sv-piped', '-o', '/dev/full');
  expect([full.exitCode, full.stderr]).toEqual([1, expect.stringContaining('ENOSPC')]);
  expect([existsSync(file), existsSync('/dev/full')]).toEqual([false, true]);
});

test('a reader that goes away ends the work, and one user cannot have any number', async ({ niwad }) => {
  const big = dockerTar([tarOf(...shell(), { path: 'big', data: Buffer.alloc(64 * 1024 * 1024) })]);
  await importBytes(niwad, big, 'sv-big');
  const tars = () =>
    execa('pgrep', ['-P', String(niwad.pid), '-x', 'tar'], { reject: false }).then(({ stdout }) =>
      stdout.split('\n').filter(Boolean),
    );
  const readers = await Promise.all(Array.from({ length: 4 }, () => niwad.client.saveImage('sv-big'))); // they stand still
  await expect(niwad.client.saveImage('sv-big')).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  for (const reader of readers) reader.destroy();
  await vi.waitFor(async () => expect(await tars()).toEqual([]), 10_000);
  await sleep(10);
  expect((await save(niwad, 'sv-big')).length).toBeGreaterThan(64 * 1024 * 1024);
});

test('an image is inspected, gets more names, and stays until its last user has gone', async ({ niwad }) => {
  const { client } = niwad;
  await niwad.cli('prune'); // the ended containers of the tests before use their images
  const config = { Cmd: ['sleep', '1000'], User: '5:6', Labels: { a: 'b' }, WorkingDir: '/old', StopSignal: 'SIGINT' };
  await importBytes(niwad, dockerTar(LAYERS, config), 'sv-used:1');
  expect(await niwad.cli('image', 'tag', 'sv-used:1', 'sv-second')).toMatchObject({ stdout: 'sv-second:latest' });
  const details = JSON.parse((await niwad.cli('image', 'inspect', 'sv-second', '--json')).stdout);
  expect(details).toMatchObject({
    name: 'sv-second:latest',
    names: ['sv-second:latest', 'sv-used:1'],
    config: { cmd: ['sleep', '1000'], user: '5:6', labels: { a: 'b' }, cwd: '/old', stop_signal: 'SIGINT', env: {} },
  });
  expect((await niwad.cli('image', 'inspect', 'sv-used:1')).stdout).toMatch(/^name: sv-used:1\n/);
  await importBytes(niwad, dockerTar([LAYERS[0] as Buffer, tarOf({ path: 'y', data: 'y' })]), 'sv-moved');
  await client.tagImage('sv-moved', 'sv-second'); // takes the name away
  expect((await client.inspectImage('sv-used:1')).names).toEqual(['sv-used:1']);
  const { id } = await niwad.start({ root: { image: 'sv-used:1' } });
  const names = async () => (await client.images()).map(({ name }) => name).filter((name) => name.startsWith('sv-'));
  const pruned = JSON.parse((await niwad.cli('image', 'prune', '--json')).stdout);
  expect(pruned.removed).toEqual(expect.arrayContaining(['sv-moved:latest', 'sv-second:latest']));
  expect(pruned.freed_bytes).toBeGreaterThan(0);
  expect(await names()).toEqual(['sv-used:1']);
  await client.stop(id, { timeout: 0 });
  await client.pruneImages();
  expect(await names()).toContain('sv-used:1'); // an ended container may be started again
  await client.remove(id);
  expect((await client.pruneImages()).removed).toEqual(['sv-used:1']);
  expect(readFileSync(join(niwad.place.stateDir, 'images/index.json'), 'utf8')).not.toContain('sv-');
});
