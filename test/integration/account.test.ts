import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import type { Skip } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { makeRoot } from './support/roots.js';
import { test } from './support/test.js';

/** What a container knows of its user from its own root, HOME and groups, and its name, HOSTNAME. */

const PASSWD = `root:x:0:0::/root:/bin/sh
toor:x:0:0::/toor:/bin/sh
broken
app:x:10:20::/srv/app:/bin/sh
homeless:x:11:11:::
`;
const GROUP = `wheel:x:1:root,toor
admins:x:2:toor
unmapped:x:70000:app
disk:x:6:other,app
broken
negative:x:-7:app
adm:x:4:app
more:x:5:application
`;
const ASK =
  'echo $HOME; while read a b; do case $a in Gid:) set -- $b; echo $1;; Groups:) echo $b;; esac; done < /proc/self/status';

/** Makes a root with these files in /etc; gives its path. */
function rootWith(skip: Skip, niwad: Niwad, name: string, etc: Record<string, string>): string {
  const path = makeRoot(skip, join(niwad.place.files, name));
  mkdirSync(join(path, 'etc'), { recursive: true });
  for (const [file, text] of Object.entries(etc)) writeFileSync(join(path, 'etc', file), text);
  return path;
}

const at = (path: string, process: Partial<NonNullable<SpecInput['process']>> = {}) => ({
  root: { path, overlay: true },
  process: { ...process, env: { PATH: '/bin', ...process.env } },
});

test.for([
  ['root', '/root', '0', '1'],
  [0, '/root', '0', '1'],
  ['toor', '/toor', '0', '1 2'],
  ['app', '/srv/app', '20', '4 6'],
  [10, '/srv/app', '10', '4 6'],
  ['app:disk', '/srv/app', '6', ''],
  ['10:30', '/srv/app', '30', ''],
  ['homeless', '/', '11', ''],
  [4000, '/', '4000', ''],
] as const)(
  'the user %s has the home %s, the group %s and the groups "%s", also in an exec',
  async ([user, ...has], { niwad, skip }) => {
    const path = rootWith(skip, niwad, 'accounts', { passwd: PASSWD, group: GROUP });
    const expected = has.join('\n').trimEnd();
    expect(await niwad.sh(ASK, { ...at(path, { user }), init: user === 0 })).toBe(expected);
    const { id } = await niwad.start(at(path, { args: ['busybox', 'sleep', '1000'], user: '12:12' }));
    const { stdout } = await niwad.cli('exec', '-u', String(user), id, '--', 'sh', '-c', ASK);
    expect(stdout.trimEnd()).toBe(expected);
  },
);

test('the environment of the spec comes before what the root says', async ({ niwad, skip }) => {
  const path = rootWith(skip, niwad, 'accounts', { passwd: PASSWD, group: GROUP });
  const script = 'echo "$HOSTNAME $HOME"';
  expect(await niwad.sh(script, { ...at(path), hostname: 'here' })).toBe('here /root');
  expect(await niwad.sh(script, { ...at(path), namespaces: { uts: 'host' } })).toBe(
    `${execFileSync('hostname', { encoding: 'utf8' }).trim()} /root`,
  );
  const env = { HOME: '/mine', HOSTNAME: 'mine' };
  expect(await niwad.sh(script, at(path, { env }))).toBe('mine /mine');
  const { id } = await niwad.start({ ...at(path, { args: ['busybox', 'sleep', '1000'] }), hostname: 'there' });
  const exec = (...words: string[]) => niwad.cli('exec', ...words, id, '--', 'sh', '-c', script);
  expect((await exec()).stdout).toBe('there /root');
  expect((await exec('-e', 'HOME=')).stdout).toBe('there ');
});

test('what the container or its mounts make of these files holds', async ({ niwad, skip }) => {
  const path = rootWith(skip, niwad, 'accounts', { passwd: PASSWD, group: GROUP });
  const source = join(niwad.place.files, 'own-passwd');
  writeFileSync(source, 'me:x:10:10::/bound:/bin/sh\n');
  const mounts = [{ type: 'bind' as const, source, target: '/etc/passwd' }];
  expect(await niwad.sh('echo $HOME', { ...at(path, { user: 10 }), mounts })).toBe('/bound');
  const { id } = await niwad.start(
    at(path, { args: ['sh', '-c', 'echo new:x:50:50::/new: > /etc/passwd; echo ready; busybox sleep 1000'] }),
  );
  await niwad.says(id, 'ready');
  expect((await niwad.cli('exec', '-u', '50', id, '--', 'sh', '-c', ASK)).stdout.trimEnd()).toBe('/new\n50');
});

test('a root that says nothing useful is no hindrance', async ({ niwad, skip }) => {
  const path = rootWith(skip, niwad, 'useless', {});
  const passwd = join(path, 'etc/passwd');
  for (const make of [
    () => {},
    () => execFileSync('mkfifo', [passwd]),
    () => mkdirSync(passwd),
    () => symlinkSync('passwd', passwd),
    () => symlinkSync('/proc/self/fd/3', passwd),
    () => symlinkSync('/dev/zero', passwd),
    () => writeFileSync(passwd, PASSWD + 'x'.repeat(1024 * 1024)),
    () => writeFileSync(passwd, `root:x:0:0::/${'x'.repeat(5000)}:\n`),
    () => writeFileSync(passwd, Buffer.from('\0root:x:0:0::/root:')),
  ]) {
    make();
    expect(await niwad.sh(ASK, at(path))).toBe('/\n0');
    rmSync(passwd, { recursive: true, force: true });
  }
});
