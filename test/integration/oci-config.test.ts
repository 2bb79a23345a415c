// @module-tag vm-long
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { type BundleConfig, NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

/** Runs a script in a container of a changed config, and gives the lines of its output. */
async function linesOf(oci: Oci, script: string, change: (config: BundleConfig) => void, ...options: string[]) {
  const bundle = await oci.bundle(script, change);
  return (await oci.done('run', ...options, '--bundle', bundle, oci.id())).split('\n').map((line) => line.trim());
}

/** A directory of the host with a mount below it; `unmount` ends both. */
async function tree(directory: string) {
  const top = mkdtempSync(join(directory, 'tree-'));
  const unmount = () => execa('umount', ['-R', top], { reject: false });
  await execa('mount', ['-t', 'tmpfs', 'none', top]);
  mkdirSync(join(top, 'below'));
  await execa('mount', ['-t', 'tmpfs', 'none', join(top, 'below')]);
  return { top, unmount };
}

const bound =
  (source: string, ...options: string[]) =>
  (config: BundleConfig) => {
    config.mounts.push({ destination: '/tree', type: 'bind', source, options });
  };

test('a read-only path can be executed from, and not be written', async ({ oci }) => {
  const lines = await linesOf(oci, '/usr/bin/true && echo runs; touch /usr/x 2>&1; true', ({ linux }) => {
    linux.readonlyPaths = ['/usr'];
  });
  expect(lines).toEqual(['runs', expect.stringContaining('Read-only file system')]);
});

test('a working directory needs no right of the user where the command has it, also in an exec', async ({ oci }) => {
  const id = oci.id();
  const bundle = await oci.bundle('pwd; exec sleep 1000', ({ process }) => {
    Object.assign(process, { cwd: '/home', user: { uid: 12, gid: 34 } });
  });
  mkdirSync(join(bundle, 'rootfs/home'), { mode: 0o700 });
  expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual({ exitCode: 0, message: '' });
  expect(await oci.done('exec', id, 'pwd')).toBe('/home');
  chownSync(join(bundle, 'rootfs/home'), 12, 34);
  expect(await oci.done('exec', '--user', '0', id, 'pwd')).toBe('/home');
  await oci.done('delete', '--force', id);
});

test('a setting of the host is refused', async ({ oci }) => {
  const bundle = await oci.bundle('true', ({ linux }) => {
    linux.sysctl = { 'kernel.core_pattern': readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim() };
  });
  const { exitCode, message } = await oci.make('create', '--bundle', bundle, oci.id());
  expect({ exitCode, message }).toMatchObject({
    message: expect.stringContaining('linux.sysctl "kernel.core_pattern"'),
  });
  expect(exitCode).not.toBe(0);
});

test('a user that is not root can open its streams again, also in an exec', async ({ oci, niwad }) => {
  const env = { NIWA_OCI_SOCKET: join(niwad.place.runDir, 'oci.sock') };
  const piped = async (...args: string[]) =>
    (await execa('sh', ['-c', '"$@" 2>&1 | cat', 'sh', NIWA_OCI, ...args], { env })).stdout;
  const [script, id] = ['echo out >/proc/self/fd/1', oci.id()];
  const asUser = ({ process }: BundleConfig) => void Object.assign(process, { user: { uid: 12, gid: 34 } });
  expect(await piped('run', '--bundle', await oci.bundle(script, asUser), oci.id())).toBe('out');
  await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 1000', asUser), id);
  expect(await piped('exec', id, 'sh', '-c', script)).toBe('out');
  await oci.done('delete', '--force', id);
});

test('a read-only /dev has its devices and its mounts', async ({ oci }) => {
  const script = 'touch /dev/x 2>&1; echo a >/dev/null && touch /dev/shm/x && ls /dev/pts/ptmx';
  const lines = await linesOf(oci, script, ({ mounts }) => {
    mounts.find(({ destination }) => destination === '/dev')?.options?.push('ro');
  });
  const terminal = await linesOf(oci, 'tty', ({ mounts, process }) => {
    mounts.find(({ destination }) => destination === '/dev')?.options?.push('ro');
    process.terminal = true;
  });
  expect(terminal).toEqual(['/dev/pts/0']);
  expect(lines).toEqual([expect.stringContaining('Read-only file system'), '/dev/pts/ptmx']);
});

test('nothing is made in a /dev of the host that a remount closes', async ({ oci, niwad }) => {
  const source = mkdtempSync(join(niwad.place.files, 'dev-'));
  const lines = await linesOf(oci, 'touch /dev/x 2>&1; true', (config) => {
    config.mounts = config.mounts.filter(({ destination }) => !/^\/dev(\/|$)/.test(destination));
    config.mounts.push(
      { destination: '/dev', type: 'bind', source, options: ['bind'] },
      { destination: '/dev', options: ['remount', 'bind', 'ro'] },
    );
  });
  expect(lines).toEqual([expect.stringContaining('Read-only file system')]);
  expect(readdirSync(source)).toEqual([]);
});

describe('a bind', () => {
  const write = 'touch /tree/a 2>&1; touch /tree/below/a 2>&1; ls /tree /tree/below';

  test('is read-only alone with ro, and with all below with rro', async ({ oci, niwad, onTestFinished }) => {
    const { top, unmount } = await tree(niwad.place.files);
    onTestFinished(async () => void (await unmount()));
    const alone = await linesOf(oci, write, bound(top, 'rbind', 'ro'));
    expect(alone).toEqual([
      expect.stringContaining('Read-only file system'),
      '/tree:',
      'below',
      '',
      '/tree/below:',
      'a',
    ]);
    rmSync(join(top, 'below/a'));
    const all = await linesOf(oci, write, bound(top, 'rbind', 'rro'));
    expect(all.filter((line) => line.includes('Read-only file system'))).toHaveLength(2);
  });

  test('that is a slave shows later mounts of the host, a private one does not', async ({
    oci,
    niwad,
    onTestFinished,
  }) => {
    const { top, unmount } = await tree(niwad.place.files);
    onTestFinished(async () => void (await unmount()));
    await execa('mount', ['--make-rshared', top]);
    mkdirSync(join(top, 'late'));
    const seen = async (...options: string[]) => {
      const bundle = await oci.bundle('read line; ls /tree/late', bound(top, ...options));
      const ended = execa(NIWA_OCI, ['run', '--bundle', bundle, oci.id()], {
        env: { NIWA_OCI_SOCKET: join(niwad.place.runDir, 'oci.sock') },
        reject: false,
      });
      await vi.waitFor(
        async () => expect((await niwad.client.list()).map(({ state }) => state)).toEqual(['running']),
        PATIENCE,
      );
      await execa('mount', ['-t', 'tmpfs', 'none', join(top, 'late')]);
      writeFileSync(join(top, 'late/new'), '');
      ended.stdin?.end('go\n');
      const { stdout } = await ended;
      await execa('umount', [join(top, 'late')]);
      return stdout;
    };
    expect(await seen('rbind', 'rslave')).toBe('new');
    expect(await seen('rbind', 'rprivate')).toBe('');
  });

  test('that is shared shows its mounts on the host, and leaves nothing', async ({ oci, niwad, onTestFinished }) => {
    const { top, unmount } = await tree(niwad.place.files);
    onTestFinished(async () => void (await unmount()));
    await execa('mount', ['--make-rshared', top]);
    const mountsBefore = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;
    const script = 'mkdir /tree/inner && mount -t tmpfs none /tree/inner && touch /tree/inner/file';
    await linesOf(oci, script, (config) => {
      bound(top, 'rbind', 'rshared')(config);
      config.linux.rootfsPropagation = 'shared';
      for (const set of ['bounding', 'effective', 'permitted'])
        (config.process.capabilities as Record<string, string[]>)[set] = ['CAP_SYS_ADMIN'];
    });
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    expect(mounts.filter((line) => line.includes(`${top}/inner `))).toHaveLength(1);
    expect(mounts).toHaveLength(mountsBefore + 1);
  });
});

describe('a remount', () => {
  test('changes the mounts of the container, and nothing of the host', async ({ oci, niwad, onTestFinished }) => {
    const { top, unmount } = await tree(niwad.place.files);
    onTestFinished(async () => void (await unmount()));
    const script =
      'for at in /data /tree /tree/below; do touch $at/x 2>&1; done; grep " /data " /proc/self/mountinfo; ls -d /data/in';
    const lines = await linesOf(oci, script, ({ mounts }) => {
      mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] });
      mounts.push({ destination: '/tree', type: 'bind', source: top, options: ['rbind'] });
      mounts.push({ destination: '/data/in', type: 'tmpfs', source: 'tmpfs' });
      mounts.push({ destination: '/data', options: ['remount', 'ro', 'size=2m'] });
      mounts.push({ destination: '/tree', options: ['bind', 'remount', 'ro'] });
    });
    const refused = expect.stringContaining('Read-only file system');
    expect(lines).toEqual([refused, refused, expect.stringMatching(/ ro,.*size=2048k/), '/data/in']);
    writeFileSync(join(top, 'of-the-host'), '');
  });

  test('of what is no mount is refused', async ({ oci }) => {
    const bundle = await oci.bundle('true', ({ mounts }) => {
      mounts.push({ destination: '/proc/sys', options: ['remount', 'bind', 'ro'] });
    });
    const { message } = await oci.make('create', '--bundle', bundle, oci.id());
    expect(message).toContain('remount /proc/sys (ro): EINVAL');
    expect(message).toContain('nothing is mounted at this path');
  });
});

test('an overlay takes a page of options, and has its attributes', async ({ oci, niwad }) => {
  const long = mkdtempSync(join(niwad.place.files, `${'long-'.repeat(30)}`));
  const layers = ['one', 'two', 'three'].map((name) => {
    mkdirSync(join(long, name));
    writeFileSync(join(long, name, name), `${name}\n`);
    return join(long, name);
  });
  const script =
    'cat /o/one /o/two /o/three; grep -c niwa-stage /proc/mounts; sed -n "s,.* /o \\([^ ]*\\).*,\\1,p" /proc/self/mountinfo';
  const lines = await linesOf(oci, script, ({ mounts }) => {
    const options = [`lowerdir=${layers.join(':')}`, 'nosuid', 'nodev', 'noexec', 'noatime'];
    mounts.push({ destination: '/o', type: 'overlay', source: 'overlay', options });
  });
  expect(lines).toEqual(['one', 'two', 'three', '0', 'rw,nosuid,nodev,noexec,noatime']);
});

test('a tmpfs with tmpcopyup covers no directories of any depth', async ({ oci }) => {
  const bundle = await oci.bundle('true', (config) => {
    config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] });
  });
  // cd of a shell looks at each part of the path: in the virtual machine that takes minutes
  const deep = 'process.chdir(process.argv[1]); for (let i = 0; i < 1500; i++) fs.mkdirSync("d"), process.chdir("d")';
  const data = join(bundle, 'rootfs/data');
  mkdirSync(data);
  await execa(process.execPath, ['-e', deep, data]);
  const run = ['--nofile=10000', NIWA_OCI, '--niwad', oci.socket, 'run', '--bundle', bundle, oci.id()];
  const { stderr } = await execa('prlimit', run, { stdin: 'ignore', reject: false });
  expect(stderr).toMatch(/mount tmpfs on \/data.*: ENAMETOOLONG/);
});

test('a tmpfs with tmpcopyup begins with what it covers', async ({ oci }) => {
  const bundle = await oci.bundle(
    'cd /data; stat -c "%n %a %u:%g" . file dir dir/deep; cat file; readlink link; touch new',
    (config) => {
      config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'nosuid'] });
      config.process.user = { uid: 7, gid: 8 };
    },
  );
  const data = join(bundle, 'rootfs/data');
  mkdirSync(join(data, 'dir'), { recursive: true });
  writeFileSync(join(data, 'file'), 'text\n');
  writeFileSync(join(data, 'dir/deep'), '');
  symlinkSync('/etc/shadow', join(data, 'link'));
  await execa('chown', ['-R', '7:8', data]);
  await execa('chmod', ['751', data]);
  await execa('chmod', ['4640', join(data, 'file')]);
  expect((await oci.done('run', '--bundle', bundle, oci.id())).split('\n')).toEqual([
    '. 751 7:8',
    'file 4640 7:8',
    'dir 755 7:8',
    'dir/deep 644 7:8',
    'text',
    '/etc/shadow',
  ]);
  expect(() => readFileSync(join(data, 'new'))).toThrow('ENOENT');
});

describe('a config', () => {
  test('gives a domain name, a personality, scheduling and devices', async ({ oci }) => {
    const script =
      'cat /proc/sys/kernel/domainname; uname -m; chrt -p $$ | head -n 1; ionice -p $$; stat -c "%F %t:%T %a %u:%g" /dev/disk /dev/fifo';
    const lines = await linesOf(oci, script, (config) => {
      config.domainname = 'example';
      config.process.scheduler = { policy: 'SCHED_BATCH', nice: 5 };
      config.process.ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 6 };
      config.linux.personality = { domain: 'LINUX32' };
      config.linux.devices = [
        { path: '/dev/disk', type: 'b', major: 7, minor: 300, fileMode: 0o640, uid: 1, gid: 2 },
        { path: '/dev/fifo', type: 'p', fileMode: 0o600 },
      ];
    });
    expect(lines).toEqual([
      'example',
      process.arch === 'x64' ? 'i686' : expect.any(String),
      expect.stringMatching(/SCHED_BATCH$/),
      'best-effort: prio 6',
      'block special file 7:12c 640 1:2',
      'fifo 0:0 600 0:0',
    ]);
  });

  test('shows its terminal at /dev/console, as that of its user', async ({ oci }) => {
    const script = 'stat -c "%t:%T %u" /dev/console $(tty); echo to-console >/dev/console';
    const lines = await linesOf(oci, script, (config) => {
      config.process.terminal = true;
      config.process.user = { uid: 5, gid: 6 };
    });
    expect(lines).toEqual(['88:0 5', '88:0 5', 'to-console']);
  });

  test('sets the clocks of a time namespace', async ({ oci }) => {
    const lines = await linesOf(oci, 'cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets', (config) => {
      (config.linux.namespaces as object[]).push({ type: 'time' });
      config.linux.timeOffsets = { boottime: { secs: 1_000_000 } };
    });
    expect(Number(lines[0])).toBeGreaterThan(1_000_000);
    expect(lines).toContainEqual(expect.stringMatching(/^boottime +1000000 +0$/));
  });

  test('traps a call', async ({ oci }) => {
    const bundle = await oci.bundle('exec sync', (config) => {
      config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        flags: ['SECCOMP_FILTER_FLAG_LOG'],
        syscalls: [{ names: ['sync'], action: 'SCMP_ACT_TRAP' }],
      };
    });
    // the first process of a PID namespace ends by a trap, too: the kernel forces the signal
    expect((await oci.run('run', '--bundle', bundle, oci.id())).exitCode).toBe(128 + 31);
  });
});

describe('the command line', () => {
  test('takes options behind the id, and shows the help of a command', async ({ oci }) => {
    const bundle = await oci.bundle('exec sleep 1000');
    const id = oci.id();
    expect(await oci.make('run', id, '--bundle', bundle, '--detach')).toEqual({ exitCode: 0, message: '' });
    expect(await oci.done('exec', id, 'echo', '--detach', '-x')).toBe('--detach -x');
    expect(await oci.done('delete', id, '--force', '--help')).toContain('Usage: niwa-oci [OPTION...] delete CONTAINER');
    await oci.done('delete', id, '--force');
    expect(JSON.parse(await oci.done('list', '--format', 'json'))).toEqual([]);
  });

  test('tells the name under which it is called: it may stand for another runtime', async ({ oci, niwad }) => {
    const link = join(niwad.place.files, 'runc');
    symlinkSync(NIWA_OCI, link);
    const shown = async (...args: string[]) => (await execa(link, args)).stdout;
    expect(await shown('--version')).toMatch(/^runc version \d+\.\d+\.\d+\nspec: \d+\.\d+\.\d+\n\+SYSTEMD /);
    expect(await shown('-h')).toMatch(/^NAME:\n {3}runc - Open Container Initiative runtime.*^ {2}delete +remove /ms);
    expect(await shown('exec', '-h')).toMatch(
      /^NAME:\n {3}runc exec - .*\n\nUsage: runc \[OPTION\.\.\.\] exec CONTAINER \[PROGRAM .*^ {2}-e, --env NAME=VALUE +a variable/ms,
    );
    expect((await oci.run('foo', '-h')).stderr).toContain("No help topic for 'foo'");
  });

  test('deletes containers by a regular expression', async ({ oci }) => {
    const bundle = await oci.bundle('exec sleep 1000');
    const ids = ['web-1', 'web-2', 'db-1'];
    for (const id of ids) expect((await oci.make('run', '--detach', '--bundle', bundle, id)).message).toBe('');
    expect((await oci.run('delete', '--regex', '^web-')).stderr).toContain('that is not stopped: running');
    expect((await oci.run('delete', '--force', '--regex', '(')).stderr).toContain('( is no regular expression');
    await oci.done('delete', '--force', '--regex', '^web-');
    expect(await oci.done('list', '--quiet')).toBe('db-1');
    await oci.done('delete', '--force', '--regex', '.');
    expect(await oci.done('list', '--quiet')).toBe('');
  });

  test('writes a config with a user namespace by spec --rootless, which works', async ({ oci }) => {
    const bundle = await oci.bundle('cat /proc/self/uid_map; ls /sys/class/net', () => {});
    const written = mkdtempSync(join(bundle, 'rootless-'));
    await oci.done('spec', '--rootless', '--bundle', written);
    const { linux, mounts } = JSON.parse(readFileSync(join(written, 'config.json'), 'utf8'));
    const path = join(bundle, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    const usr = config.mounts.at(-1);
    writeFileSync(path, JSON.stringify({ ...config, linux, mounts: [...mounts, usr] }));
    expect(linux.namespaces.map(({ type }: { type: string }) => type)).toContain('user');
    expect(await oci.done('run', '--bundle', bundle, oci.id())).toMatch(/^ +0 +0 +1\n(.*\n)*lo(\n|$)/);
  });

  test('refuses a log that cannot be written', async ({ oci }) => {
    expect(await oci.run('--log-format', 'xml', 'list')).toMatchObject({
      exitCode: 1,
      stderr: 'niwa-oci: unknown log format "xml": text or json',
    });
    expect(await oci.run('--log', '/no/such/log', 'list')).toMatchObject({
      exitCode: 1,
      stderr: 'niwa-oci: cannot open the log /no/such/log: no such file or directory',
    });
  });

  /** Runs the command with a file as descriptor 3. */
  async function withFile(oci: Oci, runDir: string, env: Record<string, string>, ...options: string[]) {
    const bundle = await oci.bundle('cat <&3; echo "$LISTEN_FDS-$LISTEN_PID"');
    const file = join(bundle, 'file');
    writeFileSync(file, 'of the file\n');
    const command = [
      '-c',
      `export LISTEN_PID=\${LISTEN_PID-$$}; [ $LISTEN_PID != none ] || unset LISTEN_PID; exec "$0" "$@" 3<${file}`,
      NIWA_OCI,
      'run',
      ...options,
      '--bundle',
      bundle,
      oci.id(),
    ];
    const { stdout, stderr } = await execa('sh', command, {
      env: { NIWA_OCI_SOCKET: join(runDir, 'oci.sock'), ...env },
      stdin: 'ignore',
      reject: false,
    });
    return stdout || stderr;
  }

  test('passes descriptors on', async ({ oci, niwad: { place } }) => {
    expect(await withFile(oci, place.runDir, {}, '--preserve-fds', '1')).toBe('of the file\n-');
    expect(await withFile(oci, place.runDir, { LISTEN_FDS: '1' })).toBe('of the file\n1-1');
    expect(await withFile(oci, place.runDir, { LISTEN_FDS: '1', LISTEN_PID: 'none' })).toBe('of the file\n1-1');
    for (const other of ['1', 'x'])
      expect(await withFile(oci, place.runDir, { LISTEN_FDS: '1', LISTEN_PID: other })).toBe('-');
    const tooLow = await execa(
      'prlimit',
      ['--nofile=300', NIWA_OCI, '--niwad', oci.socket, 'run', '--preserve-fds', '1', 'x'],
      { reject: false },
    );
    expect(tooLow.stderr).toContain('the limit of open files (RLIMIT_NOFILE) has to be 334');
  });

  test('passes on those descriptors that are open, and nothing of niwa in the place of the others', async ({ oci }) => {
    const bundle = await oci.bundle('ls -l /proc/1/fd | sed -n "s/.* \\([0-9]*\\) -> /\\1 /p"');
    const command = `exec ${NIWA_OCI} run --preserve-fds 100 --bundle ${bundle} ${oci.id()} 3<&- 4</dev/zero 5<&- 90</dev/full`;
    const { stdout } = await execa('bash', ['-c', command], { env: { NIWA_OCI_SOCKET: oci.socket }, stdin: 'ignore' });
    expect(stdout.split('\n').filter((line) => Number(line.split(' ')[0]) > 2)).toEqual([
      '4 /dev/zero',
      '90 /dev/full',
    ]);
  });

  test('shows no /proc of the host where the root is not pivoted', async ({ oci }) => {
    const script = 'unshare -mrpf mount -t proc none /proc 2>/dev/null; echo $?';
    const change = ({ process }: BundleConfig) => {
      process.capabilities = { bounding: ['CAP_SETFCAP'], permitted: ['CAP_SETFCAP'], effective: ['CAP_SETFCAP'] };
    };
    expect(await linesOf(oci, script, change, '--no-pivot')).toEqual(['32']);
    const inUser = (config: BundleConfig) => {
      change(config);
      const ids = [{ containerID: 0, hostID: 0, size: 65_536 }];
      const namespaces = [...(config.linux.namespaces as object[]), { type: 'user' }];
      Object.assign(config.linux, { namespaces, uidMappings: ids, gidMappings: ids });
    };
    expect(await linesOf(oci, script, inUser, '--no-pivot')).toEqual(['32']);
    const bundle = await oci.bundle(script, inUser);
    const stacked = `mount -t proc proc /proc && exec ${NIWA_OCI} run --no-pivot --bundle ${bundle} ${oci.id()}`;
    const env = { NIWA_OCI_SOCKET: oci.socket };
    const { stdout, stderr } = await execa('unshare', ['--mount', 'sh', '-c', stacked], { env, reject: false });
    expect([stdout, stderr]).toEqual(['32', '']);
  });

  test('keeps /proc of the container where the root is not pivoted, and hooks have it at another path', async ({
    oci,
  }) => {
    const change = (config: BundleConfig) => {
      config.root = { path: './rootfs/' };
      config.hooks = { createContainer: [{ path: '/bin/true' }] };
    };
    expect(await linesOf(oci, 'test -e /proc/self && echo there', change, '--no-pivot')).toEqual(['there']);
  });

  test('refuses shared mounts where the root is not pivoted', async ({ oci }) => {
    const bundle = await oci.bundle('true', ({ linux }) => {
      linux.rootfsPropagation = 'shared';
    });
    const { message } = await oci.make('run', '--no-pivot', '--bundle', bundle, oci.id());
    expect(message).toContain('linux.rootfsPropagation "shared"');
  });

  test('can leave the keyring and the root of the host as they are', async ({ oci }) => {
    expect(await linesOf(oci, 'ls -d /usr', () => {}, '--no-pivot', '--no-new-keyring')).toEqual(['/usr']);
  });
});
