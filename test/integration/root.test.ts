// @module-tag vm
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { canIdmap } from '../../src/host/filesystems.js';
import { needsFile } from './support/host.js';
import { makeRoot } from './support/roots.js';
import { test } from './support/test.js';

const MARK = '/etc/niwa-test-mark';
const PATH = { process: { env: { PATH: '/bin' } } };

test("is the host's own, of which nothing is the container's to write, but for places of its own", async ({
  niwad,
}) => {
  const script = `touch ${MARK} 2>&1; cat /etc/shadow 2>&1; for d in /tmp /var/tmp /run /root; do touch $d/mine && ls $d; done`;
  expect(await niwad.sh(script)).toMatch(/^touch.*Permission denied\ncat.*Permission denied\nmine\nmine\nmine\nmine$/);
  expect(existsSync('/run/mine')).toBe(false);
});

test("is the host's own under an overlay, and no write of the host's root user reaches the host", async ({ niwad }) => {
  const userns = 'host';
  const script = `cat /etc/hostname; echo mine >${MARK}; echo changed >/etc/hostname; rm /etc/passwd; cat ${MARK}`;
  const before = readFileSync('/etc/hostname', 'utf8');
  expect(await niwad.sh(script, { userns })).toBe(`${before.trimEnd()}\nmine`);
  expect(existsSync(MARK)).toBe(false);
  expect(readFileSync('/etc/hostname', 'utf8')).toBe(before);
  expect(existsSync('/etc/passwd')).toBe(true);
  expect(await niwad.sh(`ls ${MARK} /etc/passwd 2>&1 | grep -c "No such"`, { userns })).toBe('1');
});

test('can be read-only', async ({ niwad }) => {
  const script = `touch ${MARK} 2>&1; touch /mnt/file && echo tmpfs; echo x >/dev/null && echo dev`;
  const spec = {
    userns: 'host' as const,
    root: { readonly: true },
    mounts: [{ type: 'tmpfs' as const, target: '/mnt' }],
  };
  expect(await niwad.sh(script, spec)).toMatch(/Read-only file system\ntmpfs\ndev$/);
});

test('can be bounded in what is written over it', async ({ niwad }) => {
  const fill = (count: number) =>
    `dd if=/dev/zero of=/filled bs=64k count=${count} 2>&1 | grep -o "No space left" || echo fits`;
  const root = { overlay: { size: '1M' } };
  expect(await niwad.sh(fill(8), { root, userns: 'host' })).toBe('fits');
  expect(await niwad.sh(fill(32), { root, userns: 'host' })).toBe('No space left');
});

test("is bounded in what is written over it also where a link leads to the host's own", async ({ niwad }) => {
  const path = join(niwad.place.files, 'link-to-host');
  symlinkSync('/', path);
  const process = { args: ['true'] };
  const [plain, linked] = [
    await niwad.client.create({ root: { path: '/' }, process }),
    await niwad.client.create({ root: { path }, process }),
  ];
  const sizeOf = async (id: string) => (await niwad.client.inspect(id)).spec.root.overlay?.sizeBytes;
  expect(await sizeOf(linked.id)).toBeGreaterThan(0);
  expect(await sizeOf(linked.id)).toBe(await sizeOf(plain.id));
});

test('can be a directory of the host, shared or under an overlay', async ({ niwad, skip }) => {
  const busybox = needsFile(skip, '/bin/busybox', 'a program that needs nothing of its root (package busybox-static)');
  const path = join(niwad.place.files, 'root');
  mkdirSync(join(path, 'bin'), { recursive: true });
  copyFileSync(busybox, join(path, 'bin/sh'));
  chmodSync(join(path, 'bin/sh'), 0o755);

  const script = 'echo *; echo written >/file';
  expect(await niwad.sh(script, { root: { path, overlay: true } })).toBe('bin dev etc proc sys');
  expect(existsSync(join(path, 'file'))).toBe(false);
  expect(await niwad.sh(script, { root: { path } })).toBe('bin dev etc proc sys');
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('written\n');
  const refused = await niwad.sh('{ echo x >/other; } 2>&1; echo', { root: { path, readonly: true } });
  expect(refused).toContain('Read-only file system');
});

test("that is not the host's own knows localhost and the container by its name", async ({ niwad, skip }) => {
  const path = makeRoot(skip, join(niwad.place.files, 'named'));
  const id = 'root-named';
  const out = await niwad.sh('busybox cat /etc/hosts /etc/hostname', { id, root: { path, overlay: true }, ...PATH });
  expect(out.split('\n')).toEqual([
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    `127.0.0.1\t${id}`,
    id,
  ]);
  expect(existsSync(join(path, 'etc'))).toBe(false);
  const calls = `for name in ${id} localhost; do busybox nc -w 1 $name 9 2>&1; done`;
  const said = await niwad.sh(calls, { hostname: id, root: { path, overlay: true }, ...PATH });
  expect(said).toMatch(/\(127\.0\.0\.1\): Connection refused\n.*\((127\.0\.0\.1|::1)\): Connection refused$/);
  const closed = makeRoot(skip, join(niwad.place.files, 'closed'));
  execFileSync('mount', ['--bind', closed, closed]);
  execFileSync('mount', ['-o', 'remount,bind,ro', closed]);
  try {
    expect(await niwad.sh('echo /etc*', { root: { path: closed }, userns: 'host' })).toBe('/etc*');
  } finally {
    execFileSync('umount', [closed]);
  }
});

test('shared by many that start at once misses nothing', async ({ niwad, skip }) => {
  for (let round = 0; round < 5; round++) {
    const path = makeRoot(skip, join(niwad.place.files, `shared-${round}`));
    const ends = await Promise.all(
      Array.from({ length: 8 }, () =>
        niwad.sh('busybox tail -n 1 /etc/hosts', { root: { path }, hostname: 'one', ...PATH }),
      ),
    );
    expect(new Set(ends)).toEqual(new Set(['127.0.0.1\tone']));
  }
});

test('that cannot be id-mapped is shown as it is: readable, and not its own to write', async ({ niwad, skip }) => {
  const path = join(niwad.place.directory, 'plain');
  skip(canIdmap(niwad.place.directory), `needs a file system that cannot be id-mapped under ${niwad.place.directory}`);
  const busybox = needsFile(skip, '/bin/busybox', 'a program that needs nothing of its root (package busybox-static)');
  mkdirSync(join(path, 'bin'), { recursive: true });
  copyFileSync(busybox, join(path, 'bin/sh'));
  chmodSync(join(path, 'bin/sh'), 0o755);
  const said = await niwad.sh('echo *; { echo written >/file; } 2>&1; echo', { root: { path } });
  expect(said).toMatch(/^bin dev etc proc sys\n.*Permission denied/);
  expect(existsSync(join(path, 'file'))).toBe(false);
});

test('has binds of directories and files, read-write and read-only', async ({ niwad }) => {
  const source = niwad.place.files;
  writeFileSync(join(source, 'given'), 'given\n');
  const mounts = [
    { type: 'bind' as const, source, target: '/made/for/it' },
    { type: 'bind' as const, source, target: '/mnt', readonly: true },
    { type: 'bind' as const, source: join(source, 'given'), target: '/etc/given' },
  ];
  const script = 'cat /mnt/given /etc/given; echo back >/made/for/it/back; touch /mnt/refused 2>&1';
  const { stdout, exit } = await niwad.run({ process: { args: ['sh', '-c', script] }, mounts });
  expect(stdout).toMatch(/^given\ngiven\n.*Read-only file system\n$/);
  expect(exit.code).toBe(1);
  expect(readFileSync(join(source, 'back'), 'utf8')).toBe('back\n');
  expect(existsSync('/made')).toBe(false);
});

test('has a tmpfs of the size that was asked for', async ({ niwad }) => {
  const mounts = [{ type: 'tmpfs' as const, target: '/small', size: '256K' }];
  const script = 'stat -c %a /small; dd if=/dev/zero of=/small/file bs=64k count=8 2>/dev/null; wc -c </small/file';
  expect(await niwad.sh(script, { mounts })).toBe('1777\n262144');
});

test('has the devices that every program may expect, and no others', async ({ niwad }) => {
  const files = 'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero';
  expect(await niwad.sh('echo $(ls /dev)')).toBe(files);
  const script =
    'head -c 3 /dev/zero | wc -c; echo x >/dev/stdout; echo y >/dev/null; test -c /dev/ptmx && echo terminals';
  expect(await niwad.sh(script)).toBe('3\nx\nterminals');
});

test("shows nothing of /proc and /sys that is the machine's own", async ({ niwad }) => {
  const script = `
    for f in /proc/kcore /proc/keys /proc/timer_list; do test -s $f && echo $f has something; done
    ls -A /sys/firmware /proc/acpi 2>/dev/null | grep -v : | grep .
    { echo x >/proc/sys/kernel/domainname; } 2>&1 | grep -o Read-only
    mkdir /sys/fs/x 2>&1 | grep -o Read-only`;
  const { stdout } = await niwad.run({ process: { args: ['sh', '-c', script] } });
  expect(stdout).toBe('Read-only\nRead-only\n');
});

const TMPFS = { type: 'tmpfs', target: '/x' } as const;
const BIND = { type: 'bind', source: '/usr', target: '/x', readonly: true } as const;

test.for([
  ['a bind at a link to /', 'x', '/', [BIND]],
  ['a tmpfs at a link to ..', 'x', '..', [TMPFS]],
  ['/proc that is a link to /', 'proc', '/', []],
  ['/dev that is a link up', 'dev', '../..', []],
] as const)(
  'refuses a mount that would lie over the root itself: %s',
  async ([, name, to, mounts], { niwad, skip }) => {
    const path = makeRoot(skip, join(niwad.place.files, `leads-${name}-${mounts.length}-${to.length}`));
    rmSync(join(path, name), { recursive: true, force: true });
    symlinkSync(to, join(path, name));
    await expect(
      niwad.run({ root: { path }, mounts: [...mounts], process: { args: ['/bin/sh', '-c', 'true'] } }),
    ).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('leads from this target to the root itself'),
    });
  },
);

test('takes a mount below a link to the root', async ({ niwad, skip }) => {
  const path = makeRoot(skip, join(niwad.place.files, 'leads-below'));
  symlinkSync('/', join(path, 'x'));
  const spec = { root: { path }, mounts: [{ ...TMPFS, target: '/x/y' }], process: { env: { PATH: '/bin' } } };
  expect(await niwad.sh('while read -r _ place _; do echo $place; done </proc/mounts', spec)).toContain('\n/y');
});
