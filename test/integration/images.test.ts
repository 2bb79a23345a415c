import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { canIdmap } from '../../src/host/filesystems.js';
import { tarOf, type Written } from '../unit/images/make-tar.js';
import { needsFile, PATIENCE, type Skip } from './support/host.js';
import {
  addShell,
  dockerTar,
  importBytes,
  ociFiles,
  ociTar,
  say,
  sha256,
  shell,
  skopeo,
  umociLayout,
} from './support/images.js';
import { NIWA, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';

const SH = ['/bin/sh', '-c'];
const storeOf = ({ place }: Niwad, ...path: string[]) => join(place.stateDir, 'images', ...path);
const layersOf = (niwad: Niwad) => readdirSync(storeOf(niwad, 'layers')).sort();
/**
 * Skips the test where files of the store belong to nobody in a container and have no attributes: a tmpfs of an old
 * kernel.
 */
function needsRealStore(skip: Skip, niwad: Niwad): void {
  skip(!canIdmap(storeOf(niwad)), 'needs STATE_DIR on a file system that this kernel can id-map: it runs on the host');
}

const base = () => tarOf(...shell());

test('an image comes from standard input', async ({ niwad }) => {
  const input = dockerTar([base()]);
  const { exitCode, stdout } = await execa(NIWA, ['--socket', niwad.socket, 'image', 'import', '-', 'im-piped'], {
    input,
    reject: false,
  });
  expect([exitCode, stdout]).toEqual([0, 'im-piped:latest']);
});

test('an image of umoci, saved by skopeo, imports and runs with its defaults', async ({ niwad, skip }) => {
  for (const tool of ['umoci', 'skopeo']) needsFile(skip, `/usr/bin/${tool}`, 'not installed');
  const { directory } = niwad.place;
  const layout = await umociLayout(directory, 'id -u; id -g; pwd; echo $GREETING $PATH');
  await skopeo(`oci:${layout}:app`, `oci-archive:${directory}/oci.tar:im-oci:1`);
  await skopeo(`oci:${layout}:app`, `docker-archive:${directory}/docker.tar:im-docker:1`);
  for (const file of ['oci.tar', 'docker.tar']) {
    const { exitCode, stderr } = await niwad.cli('image', 'import', join(directory, file));
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('layer 1 of 1')]);
  }
  expect((await niwad.cli('image', 'import', layout, 'im-layout')).stdout).toBe('im-layout:latest');
  const names = ['im-docker:1', 'im-layout:latest', 'im-oci:1'];
  const listed = (await niwad.client.images()).filter(({ name }) => names.includes(name));
  expect(listed.map(({ name }) => name)).toEqual(names);
  expect(new Set(listed.flatMap(({ layers }) => layers)).size).toBe(1); // unpacked once
  for (const image of names) {
    const { stdout, exit, status } = await niwad.run({ root: { image } });
    expect([stdout, exit.code]).toEqual([
      '44\n45\n/work\nhello /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
      0,
    ]);
    expect(status.image?.name).toBe(image);
    expect(status.image?.id).toBe(listed.find(({ name }) => name === image)?.id);
    expect(status.spec).toMatchObject({ stopSignal: 'SIGINT', labels: { 'made.by': 'umoci' } });
  }
  expect((await niwad.cli('run', '--image', 'im-oci:1', '-u', 'root:apps', '--', 'id -u; id -g')).stdout).toBe('0\n46');
  expect((await niwad.cli('run', '--image', 'im-oci:1', '--entrypoint', '/bin/id', '--', '-u')).stdout).toBe('44');
  expect((await niwad.cli('run', '--image', 'im-oci:1', '-u', 'nobody')).stderr).toContain(
    'process.user: found "nobody"',
  );
});

test('an image of buildah with several layers hides what its upper layers removed', async ({ niwad, skip }) => {
  for (const tool of ['buildah', 'skopeo']) needsFile(skip, `/usr/bin/${tool}`, 'not installed');
  const { files } = niwad.place;
  const buildah = async (...args: string[]) => {
    const place = ['--storage-driver', 'vfs', '--root', `${files}/buildah`, '--runroot', `${files}/buildah-run`];
    const policy = join(files, 'policy.json');
    writeFileSync(policy, '{"default": [{"type": "insecureAcceptAnything"}]}');
    const flags = args[0] === 'commit' || args[0] === 'from' ? ['--signature-policy', policy] : [];
    return (await execa('buildah', [...place, args[0] ?? '', ...flags, ...args.slice(1)])).stdout;
  };
  const change = async (from: string, to: string, script: string) => {
    const container = await buildah('from', '--pull-never', from);
    const root = await buildah('mount', container);
    if (from === 'scratch') await addShell(root);
    await execa('sh', ['-c', script], { cwd: root });
    await buildah('config', '--cmd', '/bin/sh -c "ls -A / /d /e"', container);
    await buildah('commit', container, to);
    await buildah('rm', container);
  };
  await change(
    'scratch',
    'im-bottom',
    'mkdir d e proc sys dev; echo 1 > d/gone; echo 1 > d/stays; echo 1 > e/old; ln d/stays d/hard',
  );
  await change('localhost/im-bottom', 'im-top', 'rm d/gone; rm -r e; mkdir e; echo 2 > e/new; echo 3 >> d/stays');
  await buildah(
    'push',
    '--signature-policy',
    join(files, 'policy.json'),
    'localhost/im-top',
    `oci-archive:${files}/top.tar`,
  );
  expect((await niwad.cli('image', 'import', join(files, 'top.tar'), 'im-built')).exitCode).toBe(0);
  const [image] = (await niwad.client.images()).filter(({ name }) => name === 'im-built:latest');
  expect(image?.layers).toHaveLength(2);
  const { stdout } = await niwad.run({ root: { image: 'im-built' } });
  expect(stdout.split('\n\n').map((part) => part.trim().split('\n'))).toEqual([
    ['/:', 'bin', 'd', 'dev', 'e', 'etc', 'proc', 'sys'],
    ['/d:', 'hard', 'stays'],
    ['/e:', 'new'],
  ]);
  expect(await say(niwad, 'im-built', 'cat /d/stays')).toBe('1\n3');
});

test('all that a layer can hold survives', async ({ niwad, skip }) => {
  needsRealStore(skip, niwad);
  const layer = tarOf(
    ...shell(),
    { path: './', type: '5', mode: 0o711, uid: 7 },
    { path: 'd/', type: '5', mode: 0o1770, uid: 5, gid: 6, mtime: 1_000_000_000 },
    { path: 'd/a', data: 'one', mode: 0o4755, uid: 5, gid: 6, mtime: 1_234_567_890, pax: { mtime: '1234567890.5' } },
    { path: 'd/b', type: '1', target: 'd/a' },
    { path: 'd/p', type: '6', mode: 0o600 },
    { path: 'd/caf\xe9', data: 'latin' },
    { path: 'sparse', data: 'end', pax: { 'GNU.sparse.size': '100000003', 'GNU.sparse.map': '100000000,3' } },
    { path: 'lib', type: '2', target: 'usr/lib' },
    { path: 'usr/lib/', type: '5', mode: 0o755 },
    { path: 'lib/through', data: 'a link' },
    { path: '/absolute', data: 'below the root' },
    { path: 'dev/null', type: '3' },
    { path: 'twice', data: 'first' },
    { path: 'twice', data: 'second' },
    { path: 'n/o/parents', data: 'made' },
  );
  await importBytes(niwad, dockerTar([layer]), 'im-everything');
  const root = storeOf(niwad, 'layers', sha256(layer));
  const at = (path: string) => statSync(join(root, path));
  expect(at('.')).toMatchObject({ uid: 7, mode: 0o040711 });
  expect(at('d')).toMatchObject({ uid: 5, gid: 6, mode: 0o041770, mtimeMs: 1e12 });
  expect(at('d/a')).toMatchObject({
    uid: 5,
    gid: 6,
    mode: 0o104755,
    nlink: 2,
    mtimeMs: 1_234_567_890_500,
    ino: at('d/b').ino,
  });
  expect(at('d/p').isFIFO()).toBe(true);
  expect(readdirSync(join(root, 'd'), 'latin1')).toContain('caf\xe9');
  expect(at('sparse').size).toBe(100_000_003);
  expect(at('sparse').blocks).toBeLessThan(100);
  expect(readFileSync(join(root, 'usr/lib/through'), 'utf8')).toBe('a link');
  expect(readFileSync(join(root, 'absolute'), 'utf8')).toBe('below the root');
  expect(readFileSync(join(root, 'twice'), 'utf8')).toBe('second');
  expect(readdirSync(root)).not.toContain('dev');
  const script = 'stat -c "%u %g %a %h" /d/a; head -c 3 /n/o/parents; echo; echo w > /d/a && cat /d/b';
  expect(await say(niwad, 'im-everything', script)).toBe('5 6 4755 2\nmad\none');
  expect(statSync(storeOf(niwad)).mode & 0o777).toBe(0o700);
});

test('attributes survive, but for those of the host and of overlayfs', async ({ niwad, skip }) => {
  needsRealStore(skip, niwad);
  const getfattr = needsFile(skip, '/usr/bin/getfattr', 'not installed');
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  const pax = {
    'SCHILY.xattr.user.note': 'kept',
    'SCHILY.xattr.security.capability': capability,
    'SCHILY.xattr.trusted.overlay.opaque': 'y',
  };
  const layer = tarOf({ path: 'x', data: 'x', uid: 5, pax });
  await importBytes(niwad, dockerTar([layer]), 'im-attributes');
  const file = storeOf(niwad, 'layers', sha256(layer), 'x');
  const { stdout } = await execa(getfattr, ['-d', '-m', '-', '--absolute-names', '-e', 'hex', file]);
  expect(stdout.trim().split('\n').slice(1)).toEqual([
    `security.capability=0x${capability.toString('hex')}`,
    'user.note=0x6b657074',
  ]);
});

test('whiteouts hide what is below, and nothing of their own layer', { tags: 'vm' }, async ({ niwad }) => {
  const below = tarOf(...shell(), ...['a', 'b', 'c', 'o', 'r'].map((name) => ({ path: `${name}/old`, data: name })), {
    path: 'file',
    data: 'old',
  });
  const above = tarOf(
    { path: '.wh.a' },
    { path: '.wh.b' },
    { path: 'b/', type: '5', mode: 0o755 },
    { path: 'b/new', data: 'new' },
    { path: 'c/new', data: 'new' },
    { path: '.wh.c' },
    { path: 'o/.wh..wh..opq' },
    { path: 'o/new', data: 'new' },
    { path: '.wh.file' },
    { path: 'file', data: 'new' },
    { path: '.wh..wh.plnk/', type: '5' },
  );
  await importBytes(niwad, dockerTar([below, above]), 'im-whiteouts');
  expect((await say(niwad, 'im-whiteouts', 'ls -d /a /[b-r]/*; cat /file')).split('\n')).toEqual([
    'ls: /a: No such file or directory',
    '/b/new',
    '/c/new',
    '/o/new',
    '/r/old',
    'new',
  ]);
});

const hostile: [string, Written[]][] = [
  ['a path with ".."', [{ path: '../../../../../../tmp/niwa-escaped', data: 'x' }]],
  ['a hard link to above the root', [{ path: 'a', type: '1', target: '../../../../../../etc/passwd' }]],
  ['a hard link to what is not there', [{ path: 'a', type: '1', target: '/etc/passwd' }]],
  [
    'a hard link through a link',
    [
      { path: 'l', type: '2', target: '/etc' },
      { path: 'a', type: '1', target: 'l/passwd' },
    ],
  ],
  [
    'a hard link to a directory',
    [
      { path: 'd/', type: '5' },
      { path: 'a', type: '1', target: 'd' },
    ],
  ],
  ['a whiteout of ..', [{ path: 'd/.wh...' }]],
  ['something below a whiteout', [{ path: '.wh.d/x', data: 'x' }]],
  [
    'a file in the place of a full directory',
    [
      { path: 'd/x', data: 'x' },
      { path: 'd', data: 'x' },
    ],
  ],
  [
    'a file as a directory',
    [
      { path: 'd', data: 'x' },
      { path: 'd/x', data: 'x' },
    ],
  ],
  [
    'a path through links without end',
    [
      { path: 'l', type: '2', target: 'm/../l' },
      { path: 'm/', type: '5' },
      { path: 'l/x', data: 'x' },
    ],
  ],
  ['an unknown type', [{ path: 'd', type: 'Z' }]],
];

test('a hostile layer is refused, and leaves nothing', async ({ niwad }) => {
  const before = layersOf(niwad);
  for (const [what, members] of hostile) {
    const told = importBytes(niwad, dockerTar([tarOf(...members)]), 'im-hostile');
    await expect(told, what).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  }
  expect(layersOf(niwad)).toEqual(before);
  expect(readdirSync(storeOf(niwad, 'tmp'))).toEqual([]);
  expect(readdirSync('/tmp')).not.toContain('niwa-escaped');
});

test('links of a layer lead to nowhere outside of it', async ({ niwad }) => {
  const layer = tarOf(
    ...shell(),
    { path: 'up', type: '2', target: '../../../../../../../../tmp' },
    { path: 'tmp/', type: '5', mode: 0o755 },
    { path: 'up/niwa-escaped', data: 'inside' },
    { path: 'root', type: '2', target: '/../../tmp/niwa-nowhere' },
    { path: 'root/niwa-escaped', data: 'inside' },
    { path: 'etc/', type: '5' },
    { path: 'etc/passwd', type: '2', target: '/../../../../../../../etc/passwd' },
  );
  await importBytes(niwad, dockerTar([layer]), 'im-links');
  expect(readdirSync('/tmp')).not.toContain('niwa-escaped');
  expect(readdirSync('/tmp')).not.toContain('niwa-nowhere');
  expect(await say(niwad, 'im-links', 'cat /tmp/niwa-escaped /tmp/niwa-nowhere/niwa-escaped')).toBe('insideinside');
  const named = niwad.run({ root: { image: 'im-links' }, process: { args: SH, user: 'daemon' } });
  await expect(named).rejects.toMatchObject({ code: 'SPEC_INVALID' }); // the host has a daemon
});

test('what is not what its digest says is refused', async ({ niwad }) => {
  const layer = tarOf(...shell(), { path: 'im-wrong' }); // none that the store has already
  const other = sha256('other');
  const refused = (tar: Buffer, text: string) =>
    expect(importBytes(niwad, tar, 'im-wrong')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining(text),
    });
  await refused(dockerTar([layer], {}, [], [other]), 'is another one');
  await refused(dockerTar([layer], {}, [], [sha256(layer), other]), 'its configuration has 2 layers');
  const files = ociFiles([layer], [sha256(layer)]);
  for (const [path, data] of files) {
    if (!path.startsWith('blobs/')) continue;
    const changed = new Map(files).set(path, Buffer.concat([data, Buffer.from(' ')]));
    await refused(ociTar(changed), 'is another one');
    changed.delete(path);
    await refused(ociTar(changed), 'which is not in it');
  }
  await refused(tarOf({ path: 'x', data: 'y' }), 'neither an index.json');
  await refused(Buffer.from('no tar at all'), 'damaged');
  await refused(dockerTar([layer]).subarray(0, 100_000), 'ends in the middle');
  await refused(dockerTar([gzipSync(layer).subarray(0, 50_000)], {}, [], [sha256(layer)]), 'cannot be decompressed');
  expect((await niwad.client.images()).map(({ name }) => name)).not.toContain('im-wrong:latest');
});

test('layers may be compressed, and come twice at the same time', async ({ niwad, skip }) => {
  needsFile(skip, '/usr/bin/zstd', 'not installed');
  const layer = tarOf(...shell(), { path: 'compressed', data: 'x'.repeat(500_000) });
  const zstd = (await execa('zstd', ['-c'], { input: layer, encoding: 'buffer' })).stdout;
  const tars = [gzipSync(layer), Buffer.from(zstd), layer].map((data) => ociTar(ociFiles([data], [sha256(layer)])));
  const told = await Promise.all(tars.map((tar, i) => importBytes(niwad, tar, `im-same:${i}`)));
  const shared = told.flatMap((all) =>
    all.filter(({ type }) => type === 'layer').map((one) => 'shared' in one && one.shared),
  );
  expect(shared.sort()).toEqual([false, true, true]);
  const ids = (await niwad.client.images()).filter(({ name }) => name.startsWith('im-same')).map(({ id }) => id);
  expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
  expect(await say(niwad, 'im-same:1', 'stat -c %s /compressed')).toBe('500000');
});

test('an image that is replaced is that of the next start, never of a running one', { tags: 'vm' }, async ({
  niwad,
}) => {
  const version = (text: string) => dockerTar([base(), tarOf({ path: 'version', data: text })]);
  const running = (id: string) =>
    niwad.start({
      id,
      root: { image: 'im-new' },
      process: { args: [...SH, 'cat /version; while :; do sleep 0.1; done'] },
    });
  await importBytes(niwad, version('one'), 'im-new');
  const first = await running('im-runs-one');
  await niwad.says('im-runs-one', 'one');
  await importBytes(niwad, version('two'), 'im-new');
  const second = await running('im-runs-two');
  await niwad.says('im-runs-two', 'two');
  expect(second.image?.id).not.toBe(first.image?.id);

  // Both keep what they have while they run, also when nothing has a name any more.
  await niwad.client.removeImage('im-new');
  await expect(niwad.client.removeImage('im-new')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(running('im-runs-three')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const tops = [first, second].map(({ spec }) => spec.root.layers[0] ?? '');
  expect(tops.map((path) => readFileSync(join(path, 'version'), 'utf8'))).toEqual(['one', 'two']);
  await niwad.client.remove('im-runs-one', { force: true });
  await vi.waitFor(() => expect(() => statSync(tops[0] ?? '')).toThrow('ENOENT'), PATIENCE);
  expect(readFileSync(join(tops[1] ?? '', 'version'), 'utf8')).toBe('two');
  await niwad.client.remove('im-runs-two', { force: true });
  await vi.waitFor(() => expect(() => statSync(tops[1] ?? '')).toThrow('ENOENT'), PATIENCE);
});

test('containers of an image share its files and nothing that they write', async ({ niwad, skip }) => {
  needsRealStore(skip, niwad);
  await importBytes(niwad, dockerTar([base(), tarOf({ path: 'f', data: 'image' })]), 'im-shared');
  expect(await say(niwad, 'im-shared', 'echo mine > /f; cat /f', { overlay: { size: '1M' } })).toBe('mine');
  expect(await say(niwad, 'im-shared', 'cat /f; echo x > /f', { readonly: true })).toContain('Read-only file system');
  expect(await say(niwad, 'im-shared', 'cat /f')).toBe('image');
});

test('an image is pulled from a registry by skopeo', async ({ niwad, skip }) => {
  needsFile(skip, '/usr/bin/skopeo', 'not installed');
  const layer = base();
  const files = ociFiles([layer], [sha256(layer)], { Cmd: [...SH, 'echo pulled'] });
  const [manifest] = (JSON.parse(String(files.get('index.json'))) as { manifests: { digest: string }[] }).manifests;
  const registry = createServer(({ url = '' }, response) => {
    const named = url.includes('/manifests/') ? manifest?.digest : /\/blobs\/(sha256:[0-9a-f]+)$/.exec(url)?.[1];
    const data = files.get(`blobs/sha256/${url.startsWith('/v2/im/pulled/') ? named?.slice(7) : ''}`);
    if (url.includes('/manifests/')) response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
    response.statusCode = data === undefined && url !== '/v2/' ? 404 : 200;
    response.end(data);
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  try {
    const reference = `127.0.0.1:${(registry.address() as AddressInfo).port}/im/pulled:1`;
    const { stdout, stderr, exitCode } = await niwad.cli('image', 'pull', '--no-tls-verify', reference);
    expect([exitCode, stdout], stderr).toEqual([0, reference]);
    expect((await niwad.cli('run', '--image', reference)).stdout).toBe('pulled');
    const missing = await niwad.cli('image', 'pull', '--no-tls-verify', `${reference.split('/')[0]}/im/other:1`);
    expect([missing.exitCode === 0, missing.stderr]).toEqual([false, expect.stringContaining('skopeo has failed')]);
  } finally {
    registry.close();
  }
});

test('the command line lists, prints JSON and says what is missing', async ({ niwad }) => {
  await importBytes(niwad, dockerTar([base()], {}, ['docker.io/library/im-cli:1', 'im-cli:2']));
  const { stdout } = await niwad.cli('image', 'ls');
  expect(stdout).toMatch(/^NAME +ID +SIZE +LAYERS +CREATED +IMPORTED$/m);
  expect(stdout).toMatch(/^im-cli:1 +[0-9a-f]{12} +[0-9.]+M +1 +- /m);
  expect(JSON.parse((await niwad.cli('image', 'ls', '--json')).stdout)).toEqual(await niwad.client.images());
  expect((await niwad.cli('image', 'rm', 'im-cli:1', 'im-cli:2', 'im-cli:3')).stdout).toBe('im-cli:1\nim-cli:2');
  const run = await niwad.cli('run', '--image', 'im-cli:1');
  expect([run.exitCode, run.stderr]).toEqual([125, expect.stringContaining('there is no image im-cli:1')]);
  expect((await niwad.cli('image', 'import', '/no/such')).stderr).toContain('cannot read the image /no/such');
  const wrong = await niwad.cli('image', 'import', '/etc/passwd', 'im-wrong');
  expect([wrong.exitCode === 0, wrong.stderr]).toEqual([
    false,
    expect.stringContaining('the tar is damaged or hostile'),
  ]);
});
