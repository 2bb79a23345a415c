// Technique: a member of niwad's group is root in a container, and copies a program into a directory of the host that
// the container may write to; there it gives it to root and sets the setuid bit, or a capability, and executes it on
// the host.
import { chownSync, copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { needsFile, type Skip } from '../integration/support/host.js';
import { makePlace, Niwad, removePlace } from '../integration/support/niwad.js';
import { makeRoot } from '../integration/support/roots.js';
import { GROUP } from '../integration/support/test.js';
import { asUser, type User } from '../integration/support/user.js';
import { compiled, results, test } from './attack.js';

const RANGE = { start: 1_000_000, count: 1000 };
const place = makePlace();
const at = (...names: string[]) => join(place.files, ...names);
const member = { uid: 1241, gid: GROUP };
const ranged = { uid: 1242, gid: GROUP };
let niwad: Niwad;

beforeAll(async () => {
  for (const name of ['data', 'roots']) mkdirSync(at(name));
  const allow = { sources: [at('data')], roots: [at('roots')], idRanges: { [ranged.uid]: RANGE } };
  writeFileSync(place.config, JSON.stringify({ group: GROUP, allow }));
  niwad = await Niwad.start(place);
});

afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

/** Makes what a container may write to, for an owner on disk; gives its path. */
function writable(path: string, { uid, gid }: User): string {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  chownSync(path, uid, gid);
  return path;
}

function rootAt(skip: Skip, path: string): string {
  makeRoot(skip, path);
  copyFileSync(compiled('setuid'), join(path, 'bin/program'));
  return path;
}

/** Places that a container may write to: what a spec says of each, and where `/mnt/program` is on the host. */
const PLACES: Record<string, (skip: Skip, owner: User) => { spec: object; program: string }> = {
  'a volume': (skip, owner) => {
    const source = writable(at('data', 'volume'), owner);
    const root = { path: rootAt(skip, at('roots', 'shared')), overlay: true };
    return { spec: { root, mounts: [{ type: 'bind', source, target: '/mnt' }] }, program: join(source, 'program') };
  },
  'what keeps the writes over a root': (skip, owner) => {
    const directory = writable(at('data', 'kept'), owner);
    const root = { path: rootAt(skip, at('roots', 'shared')), overlay: { directory } };
    return { spec: { root }, program: join(directory, 'upper/mnt/program') };
  },
  'a root without an overlay': (skip, owner) => {
    const path = writable(at('roots', 'own'), owner);
    rmSync(path, { recursive: true });
    rootAt(skip, path);
    for (const name of ['', 'mnt']) chownSync(join(path, name), owner.uid, owner.gid);
    return { spec: { root: { path } }, program: join(path, 'mnt/program') };
  },
  // Only the root's own mount is read-only.
  'a mount below a read-only root': (skip, owner) => {
    const path = rootAt(skip, at('roots', 'readonly'));
    const mounted = writable(at('data', 'mounted'), owner);
    execaSync('mount', ['--bind', mounted, join(path, 'mnt')]);
    onTestFinished(() => void execaSync('umount', [join(path, 'mnt')]));
    return { spec: { root: { path, readonly: true } }, program: join(mounted, 'program') };
  },
};

const PLANT = ['cp /bin/program /mnt/program', 'chown 0:0 /mnt/program', 'chmod 6755 /mnt/program']
  .map((command) => `/bin/busybox ${command}`)
  .join(' && ');
const planting = (spec: object) => ({
  method: 'POST',
  path: '/v1/containers?wait=true',
  body: { ...spec, process: { args: ['/bin/sh', '-c', PLANT] } },
});

/** Who a stranger of the host becomes by a program. */
async function becomes(program: string): Promise<string | undefined> {
  return results((await execa('setpriv', ['--reuid=1300', '--clear-groups', program])).stdout).effective;
}

for (const [name, make] of Object.entries(PLACES)) {
  test(`ids on disk: what a member's container writes to ${name} is the member's own`, { tags: 'vm' }, async ({
    skip,
  }) => {
    const { spec, program } = make(skip, member);
    expect(await asUser(niwad, skip, member, planting(spec))).toContain('"code":0');
    expect(statSync(program)).toMatchObject({ ...member, mode: 0o106755 });
    expect(await becomes(program)).toBe(String(member.uid));
  });

  test(`ids on disk: with a range, what it writes to ${name} is of that`, async ({ skip }) => {
    const owner = { uid: RANGE.start, gid: RANGE.start };
    const { spec, program } = make(skip, owner);
    expect(await asUser(niwad, skip, ranged, planting(spec))).toContain('"code":0');
    expect(statSync(program)).toMatchObject({ ...owner, mode: 0o106755 });
    expect(await becomes(program)).toBe(String(RANGE.start));
  });

  test(`ids on disk, control: what root's container writes to ${name} is root's`, async ({ skip }) => {
    const { spec, program } = make(skip, { uid: 0, gid: 0 });
    expect(await asUser(niwad, skip, { uid: 0, gid: 0 }, planting(spec))).toContain('"code":0');
    expect(await becomes(program)).toBe('0');
  });
}

test("ids on disk: a capability that a root's file has is of no use on the host where a member's container copies it up", async ({
  skip,
}) => {
  const setcap = needsFile(skip, '/usr/sbin/setcap', 'capabilities of files (package libcap2-bin)');
  const getcap = needsFile(skip, '/usr/sbin/getcap', 'capabilities of files (package libcap2-bin)');
  const path = rootAt(skip, at('roots', 'capable'));
  execaSync(setcap, ['cap_setuid+ep', join(path, 'bin/program')]);
  const copied = async (user: User, owner: User) => {
    const directory = writable(at('data', 'kept'), owner);
    const args = ['/bin/busybox', 'touch', '/bin/program'];
    const body = { process: { args }, root: { path, overlay: { directory } } };
    const asked = { method: 'POST', path: '/v1/containers?wait=true', body };
    expect(await asUser(niwad, skip, user, asked)).toContain('"code":0');
    const { stdout } = execaSync(getcap, ['-n', join(directory, 'upper/bin/program')]);
    return stdout.split(' ').slice(1).join(' ');
  };
  expect(await copied(member, member)).toBe(`cap_setuid=ep [rootid=${member.uid}]`);
  expect(await copied(ranged, { uid: RANGE.start, gid: RANGE.start })).toBe(`cap_setuid=ep [rootid=${RANGE.start}]`);
  expect(await copied({ uid: 0, gid: 0 }, { uid: 0, gid: 0 })).toBe('cap_setuid=ep'); // the control
});

/** Asks to act in a container: answered by 101, or refused. */
function acting(skip: Skip, user: User, id: string, action: 'exec' | 'attach'): Promise<string> {
  const body = action === 'exec' ? JSON.stringify({ args: ['/bin/sh', '-c', PLANT] }) : '';
  const head = [
    `POST /v1/containers/${id}/${action} HTTP/1.1`,
    ...['Host: niwad', 'Connection: Upgrade', 'Upgrade: niwa-stream'],
    ...(action === 'exec' ? ['Content-Type: application/json', `Content-Length: ${body.length}`] : []),
    ...['', body],
  ];
  return asUser(niwad, skip, user, { head: head.join('\r\n') });
}

test('ids on disk: nobody but root gets those of others by an exec or a terminal', async ({ skip }) => {
  const { spec = {}, program = '' } = PLACES['a volume']?.(skip, member) ?? {};
  const process = { args: ['/bin/busybox', 'sleep', '1000'], tty: true };
  const refused = async (id: string, user: User) => {
    for (const action of ['exec', 'attach'] as const) {
      const answer = await acting(skip, user, id, action);
      expect(answer).toContain('403 Forbidden');
      expect(answer).toContain('"path":"mounts[0]"');
    }
  };
  await niwad.start({ ...spec, id: 'of-root', process });
  await refused('of-root', member);
  const own = { ...spec, id: 'of-member', process };
  await asUser(niwad, skip, member, { method: 'POST', path: '/v1/containers?start=true', body: own });
  await refused('of-member', ranged);
  expect(await acting(skip, member, 'of-member', 'exec')).toContain('101 Switching Protocols');
  expect(statSync(program)).toMatchObject({ ...member, mode: 0o106755 });
  for (const id of ['of-root', 'of-member']) await niwad.client.remove(id, { force: true });
});

test('ids on disk: a member gives no file a capability', async ({ skip }) => {
  const { spec } = PLACES['a volume']?.(skip, member) ?? {};
  for (const add of [['SETFCAP'], ['ALL']]) {
    const answer = await asUser(niwad, skip, member, planting({ ...spec, capabilities: { add } }));
    expect(answer).toContain('403 Forbidden');
    expect(answer).toContain('"path":"capabilities.add"');
  }
});

test('ids on disk: who has too few for the user of a container is told so', async ({ skip }) => {
  const { spec } = PLACES['a volume']?.(skip, member) ?? {};
  const before = (await niwad.client.list()).length;
  const body = { ...spec, process: { args: ['/bin/sh'], user: 1000 } };
  const answer = await asUser(niwad, skip, ranged, { method: 'POST', path: '/v1/containers', body });
  expect(answer).toContain('403 Forbidden');
  expect(answer).toContain('ids below 1000');
  expect(await niwad.client.list()).toHaveLength(before);
});
