import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { mergeConfig } from '../../src/daemon/config.js';
import { flagsOf, makePlace, Niwad, removePlace } from './support/niwad.js';

const INSTALL = fileURLToPath(new URL('../../bin/install/install.mjs', import.meta.url));

/** Installs below a new directory, with a umask that must not matter. */
async function install(umask = '022'): Promise<string> {
  const destdir = mkdtempSync(join(tmpdir(), 'niwa-test-install-'));
  onTestFinished(() => rmSync(destdir, { recursive: true }));
  const env = { SOURCE_DATE_EPOCH: '1700000000' };
  await execa('sh', ['-c', `umask ${umask}; exec "$@"`, 'sh', process.execPath, INSTALL, '--destdir', destdir], {
    env,
  });
  return destdir;
}

/** Everything below a directory, by its path: mode, owner, time and content. */
function treeOf(
  directory: string,
): Map<string, { mode: number; uid: number; gid: number; mtimeMs: number; what: string }> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mode, uid, gid, mtimeMs } = lstatSync(path);
    const what = entry.isFile() ? readFileSync(path, 'latin1') : entry.isSymbolicLink() ? readlinkSync(path) : '';
    return [relative(directory, path), { mode, uid, gid, mtimeMs, what }] as const;
  });
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('is laid out as a Debian package, the same each time, and nobody but root can write in it', async () => {
  const tree = treeOf(await install('077'));
  expect(tree).toEqual(treeOf(await install('000')));

  const others = [...tree].filter(([, { mode, uid, gid }]) => uid !== 0 || gid !== 0 || (mode & 0o7022) !== 0);
  // a link has no mode of its own
  expect(others.filter(([, { mode }]) => (mode & 0o170_000) !== 0o120_000)).toEqual([]);
  const unreadable = [...tree].filter(([, { mode }]) => (mode & 0o444) !== 0o444);
  expect(unreadable.map(([path]) => path)).toEqual([]);
  const programs = [...tree].filter(([, { mode }]) => (mode & 0o170_111) === 0o100_111).map(([path]) => path);
  expect(programs).toEqual(expect.arrayContaining(['usr/lib/niwa/bin/niwa', 'usr/lib/niwa/bin/niwad']));
  expect(programs.every((path) => /^usr\/lib\/niwa\/(bin\/niwad?|build\/Release\/niwa-\w+)$/.test(path))).toBe(true);

  for (const path of [
    'etc/niwa/niwad.yaml',
    'lib/systemd/system/niwad.service',
    'lib/systemd/system/niwad.socket',
    'lib/systemd/system/niwa-oci.socket',
    'usr/bin/niwa',
    'usr/bin/niwad',
    'usr/bin/niwa-oci',
    'usr/lib/niwa/build/Release/niwa-boot',
    'usr/lib/niwa/build/Release/niwa-files',
    'usr/lib/niwa/build/Release/niwa-keeper',
    'usr/lib/niwa/build/Release/niwa-oci',
    'usr/lib/niwa/build/Release/niwa-reach',
    'usr/lib/niwa/build/Release/niwa.node',
    'usr/share/bash-completion/completions/niwa',
    'usr/share/zsh/vendor-completions/_niwa',
    'usr/share/fish/vendor_completions.d/niwa.fish',
    'usr/share/man/man1/niwa.1',
    'usr/share/man/man1/niwa-run.1',
    'usr/share/man/man8/niwad.8',
    'usr/share/man/man8/niwa-oci.8',
    'usr/share/doc/niwa/README.md',
    'usr/share/doc/niwa/THIRD-PARTY-LICENCES',
    'usr/share/doc/niwa/copyright',
    'usr/share/doc/niwa/docs/operating.md',
  ])
    expect(tree.has(path), path).toBe(true);
  expect([...tree.keys()].filter((path) => path.includes('node_modules'))).toEqual([]); // the bundle needs none
});

test('its daemon and its command line run a container from where they are', async () => {
  const destdir = await install();
  const place = makePlace();
  onTestFinished(() => removePlace(place));
  // Nothing of the build is needed: the launcher replaces the niwad that the tests would start.
  const niwad = await Niwad.start(place, {}, flagsOf(place), [
    'sh',
    '-c',
    'shift; unset NIWA_NATIVE_DIR; exec "$0" "$@"',
    `${destdir}/usr/bin/niwad`,
  ]);
  onTestFinished(async () => {
    await niwad.stop('SIGKILL');
  });
  const maps = readFileSync(`/proc/${niwad.pid}/maps`, 'utf8');
  expect(maps).toContain(`${destdir}/usr/lib/niwa/build/Release/niwa.node`);
  const { exitCode, stdout } = await execa(
    join(destdir, 'usr/bin/niwa'),
    ['--socket', niwad.socket, 'run', '--', 'sh', '-c', 'echo from inside; exit 7'],
    { reject: false },
  );
  expect([exitCode, stdout]).toEqual([7, 'from inside']);
  expect(await niwad.stop()).toBe(0);
  expect(existsSync(niwad.socket)).toBe(false);
});

test('what V8 has compiled is only a help: without it, or with a damaged one, the programs run as well', async () => {
  const destdir = await install();
  for (const name of ['niwa', 'niwad']) {
    const compiled = join(destdir, `usr/lib/niwa/dist/bundle/${name}.cjs.compiled`);
    const version = async () => (await execa(join(destdir, 'usr/bin', name), ['--version'])).stdout;
    expect(statSync(compiled).size).toBeGreaterThan(100_000);
    const usual = await version();
    truncateSync(compiled, 50_000);
    expect(await version()).toBe(usual);
    rmSync(compiled);
    expect(await version()).toBe(usual);
  }
});

test('its configuration changes nothing, and all that it shows is valid', async () => {
  const text = readFileSync(new URL('../../bin/install/niwad.yaml', import.meta.url), 'utf8');
  expect(mergeConfig({}, text)).toEqual(mergeConfig({}, ''));
  const shown = text.replace(/^#( *[a-zA-Z]+:)/gm, '$1');
  const { group, readGroup, metricsListen, allow, hooks, ...rest } = mergeConfig({}, shown);
  expect([group, readGroup, metricsListen, allow.roots]).toEqual(['niwa', 'adm', '127.0.0.1:9469', ['/srv/images']]);
  expect(Object.keys(hooks)).toEqual(['onReady', 'onStop']);
  const { group: _, readGroup: __, metricsListen: ___, allow: ____, hooks: _____, ...defaults } = mergeConfig({}, '');
  expect(rest).toEqual(defaults);
});

test('refuses to install over something', async () => {
  const { exitCode, stderr } = await execa(process.execPath, [INSTALL, '--destdir', '/etc'], { reject: false });
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('/etc is not empty')]);
});
