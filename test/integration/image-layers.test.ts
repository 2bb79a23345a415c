import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { compressed, SKIPPABLE } from '../unit/images/compress.js';
import { tarOf, type Written } from '../unit/images/make-tar.js';
import { needsFile } from './support/host.js';
import { dockerTar, importBytes, say, sha256, shell } from './support/images.js';
import { test } from './support/test.js';

/** What the layers of an image say together: each is applied on those below it. */

const base = (...members: Written[]) => tarOf(...shell(), ...members);

test('a layer may be in an image more than once', async ({ niwad }) => {
  const below = base({ path: 'v', data: 'below' }, { path: 'd/below', data: '' });
  const a = tarOf({ path: 'v', data: 'a' }, { path: 'd/a', data: '' }, { path: '.wh.b' });
  const b = tarOf({ path: 'v', data: 'b' }, { path: 'b', data: '' }, { path: '.wh.d' });
  const shown: [Buffer[], string][] = [
    [[below, a, a], 'a/d/a/d/below'],
    [[below, a, b], 'b/b'],
    [[below, a, b, a], 'a/d/a'],
    [[below, a, b, a, b, b], 'b/b'],
  ];
  for (const [layers, files] of shown) {
    await importBytes(niwad, dockerTar(layers), 'im-twice');
    expect(await say(niwad, 'im-twice', 'cat /v; find /b /d -type f 2>&- | sort | tr -d "\\n"')).toBe(files);
  }
  const [image] = (await niwad.client.images()).filter(({ name }) => name === 'im-twice:latest');
  expect(image?.layers).toHaveLength(6);
});

/** With the ids that are on disk: the store may be on a file system that cannot be id-mapped. */
const ON_DISK = { userns: 'host' } as const;

test('a directory that a layer does not name stays as the layers below have it', async ({ niwad }) => {
  const below = base(
    { path: 'tmp/', type: '5', mode: 0o1777 },
    { path: 'd/', type: '5', mode: 0o750, uid: 5, gid: 6, mtime: 1_000_000_000 },
    { path: 'd/e/', type: '5', mode: 0o711, uid: 7, mtime: 1_100_000_000 },
    { path: 'n/', type: '5', mode: 0o700 },
  );
  const above = tarOf(
    { path: 'tmp/x', data: 'x' },
    { path: 'd/e/f/g', data: 'x' },
    { path: 'n/x', data: 'x' },
    { path: 'n/', type: '5', mode: 0o705, mtime: 1_200_000_000 },
  );
  const stat = 'stat -c "%a %u %g %Y" /tmp /d /d/e /n; stat -c %a /d/e/f';
  await importBytes(niwad, dockerTar([below, above, tarOf({ path: 'tmp/.wh.x' })]), 'im-implied');
  expect((await say(niwad, 'im-implied', stat, {}, ON_DISK)).split('\n')).toEqual([
    '1777 0 0 0',
    '750 5 6 1000000000',
    '711 7 0 1100000000',
    '705 0 0 1200000000',
    '755',
  ]);
});

test('a path goes through links to what other layers have', async ({ niwad }) => {
  const layers = [
    base({ path: 'lib', type: '2', target: 'usr/lib' }, { path: 'usr/lib/', type: '5', mode: 0o715 }),
    tarOf(
      { path: 'lib/x', data: 'below' },
      { path: 'var', type: '2', target: '/data/./made/../later' },
      { path: 'var/y', data: 'above' },
      { path: 'etc', type: '2', target: '../../conf' },
    ),
    tarOf(
      { path: 'data/later/', type: '5', mode: 0o705 },
      { path: 'conf/passwd', data: 'app:x:7:8::/:\n' },
      { path: 'lib/.wh.x' },
      { path: 'lib/z', data: '' },
    ),
  ];
  await importBytes(niwad, dockerTar(layers, { User: 'app' }), 'im-through');
  const script = 'find /lib/ /var/ -type f; find /lib -type l; stat -c %a /usr/lib /data/later; id -u; id -g';
  expect((await say(niwad, 'im-through', script)).split('\n')).toEqual([
    '/lib/z',
    '/var/y',
    '/lib',
    '715',
    '705',
    '7',
    '8',
  ]);
});

test('a hard link may be to a file of a layer below', async ({ niwad }) => {
  const below = base(
    { path: 'd/', type: '5', mode: 0o710, uid: 3 },
    { path: 'd/f', data: 'one', mode: 0o4755, uid: 5, gid: 6, mtime: 1_000_000_000 },
    { path: 'd/s', type: '2', target: 'f' },
  );
  const above = tarOf({ path: 'h', type: '1', target: 'd/f' }, { path: 'i', type: '1', target: 'd/s' });
  await importBytes(niwad, dockerTar([below, above]), 'im-hard');
  const script = 'stat -c "%a %u %g %Y %h" /h /d/f; cat /h /d/f; stat -c "%A %h" /i; stat -c "%a %u" /d';
  expect((await say(niwad, 'im-hard', script, {}, ON_DISK)).split('\n')).toEqual([
    '4755 5 6 1000000000 2',
    '4755 5 6 1000000000 2',
    'oneonelrwxrwxrwx 2',
    '710 3',
  ]);
  const hidden = tarOf({ path: '.wh.d' }, { path: 'h', type: '1', target: 'd/f' });
  await expect(importBytes(niwad, dockerTar([below, hidden]), 'im-hard')).rejects.toMatchObject({
    code: 'IMAGE_INVALID',
  });
});

test('an opaque root shows nothing of the layers below', async ({ niwad }) => {
  const above = tarOf({ path: '.wh..wh..opq' }, ...shell(), { path: 'new', data: '' });
  await importBytes(niwad, dockerTar([base({ path: 'old', data: '' }), above]), 'im-opaque');
  expect(await say(niwad, 'im-opaque', 'ls -d /new /old')).toBe('ls: /old: No such file or directory\n/new');
});

test('device files are left out, which is told', async ({ niwad }) => {
  const layer = base(
    { path: 'dev/null', type: '3' },
    { path: 'chroot/dev/null', type: '3', mode: 0o666 },
    { path: 'disk', type: '4' },
    { path: 'disk2', type: '1', target: './disk' },
    { path: 'after', data: 'x' },
  );
  const told = await importBytes(niwad, dockerTar([layer]), 'im-devices');
  expect(told.filter(({ type }) => type === 'warning')).toEqual([
    {
      type: 'warning',
      message: expect.stringMatching(/^layer 1 of 1: device files .* \(3\): "chroot\/dev\/null", "disk", "disk2"/),
    },
  ]);
  const file = join(niwad.place.files, 'devices.tar');
  writeFileSync(file, dockerTar([layer, tarOf({ path: 'disk3', type: '4' })]));
  expect((await niwad.cli('image', 'import', file, 'im-devices')).stderr).toContain(
    'warning: layer 2 of 2: device files outside of /dev',
  );
  expect(await say(niwad, 'im-devices', 'ls /disk /disk2 /chroot/dev/null /after 2>&-')).toBe('/after');
});

test('an archive may be compressed as a whole, its layers by another program', async ({ niwad, skip }) => {
  const programs = ['gzip', 'zstd', 'xz', 'bzip2'] as const;
  const layer = base({ path: 'f', data: 'x'.repeat(500_000) });
  for (const [i, program] of programs.entries()) {
    needsFile(skip, `/usr/bin/${program}`, 'not installed');
    const bytes = await compressed(programs[(i + 1) % programs.length] ?? 'gzip', layer);
    await importBytes(niwad, await compressed(program, dockerTar([bytes], {}, [], [sha256(layer)])), `im-${program}`);
    expect(await say(niwad, `im-${program}`, 'stat -c %s /f')).toBe('500000');
    await niwad.client.removeImage(`im-${program}`);
  }
  const skipping = Buffer.concat([SKIPPABLE, await compressed('zstd', layer)]);
  await importBytes(niwad, dockerTar([skipping], {}, [], [sha256(layer)]), 'im-skips');
  expect(await say(niwad, 'im-skips', 'stat -c %s /f')).toBe('500000');
});

test("an image's user may be a group alone, or have an empty one", async ({ niwad }) => {
  const layer = base(
    { path: 'etc/passwd', data: 'root:x:0:9::/:\napp:x:7:8::/:\n' },
    { path: 'etc/group', data: 'app:x:11:\n' },
  );
  const users = { '7:': '7 8', '1000:': '1000 0', app: '7 8', 'app:': '7 8', ':2000': '0 2000', ':app': '0 11' };
  for (const [User, ids] of Object.entries(users)) {
    await importBytes(niwad, dockerTar([layer], { User }), 'im-user');
    expect(await say(niwad, 'im-user', 'echo $(id -u) $(id -g)'), User).toBe(ids);
  }
});

test('a working directory that is not there is made', async ({ niwad }) => {
  const layer = base(
    { path: 'srv', type: '2', target: 'var/srv' },
    { path: 'var/srv/', type: '5', mode: 0o755 },
    { path: 'var/', type: '5', mode: 0o711 },
  );
  await importBytes(niwad, dockerTar([layer], { WorkingDir: '/srv/not/there/', User: '7:8' }), 'im-cwd');
  const script = 'pwd -P; stat -c "%a %u %g" . .. /var';
  for (const root of [{}, { readonly: true }, { overlay: { size: '1M' } }])
    expect(await say(niwad, 'im-cwd', script, root, ON_DISK)).toBe('/var/srv/not/there\n755 0 0\n755 0 0\n711 0 0');
  const process = { entrypoint: ['/bin/sh', '-c', 'pwd'], cwd: '/new' };
  const { stdout } = await niwad.run({ root: { image: 'im-cwd' }, process });
  expect(stdout).toBe('/new\n');
});
