// The techniques of the other files, against the containers of engines: those of the config that `niwa-oci spec` writes,
// which has no filter of system calls. Where a protection is the filter, the config has one, as engines write it.
import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { needsController } from '../integration/support/host.js';
import { NIWA_OCI, type Oci } from '../integration/support/oci.js';
import { type Results, results } from './attack.js';
import {
  asIs,
  attack,
  bind,
  both,
  bundleOf,
  type Change,
  test,
  withCapabilities,
  withFilter,
  without,
} from './oci-attack.js';

const CORE_PATTERN = '/proc/sys/kernel/core_pattern';
const core = existsSync(CORE_PATTERN) ? readFileSync(CORE_PATTERN, 'utf8') : '';
const SETTINGS = [
  ...[CORE_PATTERN, '/proc/sys/kernel/modprobe', '/proc/sys/kernel/sysrq', '/proc/sys/vm/overcommit_memory'],
  ...['/sys/kernel/uevent_helper', '/sys/kernel/mm/transparent_hugepage/enabled'],
].filter(existsSync);
/** What transparent_hugepage/enabled shows, [always] madvise never, is no value that it takes. */
const settingOf = (path: string) => {
  const text = readFileSync(path, 'utf8');
  return /\[(\w+)\]/.exec(text)?.[1] ?? (text || '\n');
};
const GROUP = '/sys/fs/cgroup';

interface Technique {
  name: string;
  program: string;
  args?: readonly string[];
  /** What both runs have of the config, beside what the attack itself needs. */
  change?: Change;
  /** What protects, and what is there in its place in the control run. */
  protection?: Change;
  instead: Change;
  /** What the tries come to: all of them, or those that are listed. */
  refused: RegExp | Results;
  /** The tries that work in the control run. */
  works: Results;
}

const all = (result: string, ...tries: string[]) => Object.fromEntries(tries.map((name) => [name, result]));

const TECHNIQUES: readonly Technique[] = [
  {
    name: 'bpf, perf, io_uring, userfaultfd',
    program: 'kernel-interfaces',
    protection: withFilter,
    instead: withCapabilities('CAP_SYS_ADMIN'),
    refused: /^EPERM$/,
    works: { bpf: 'worked' },
  },
  {
    name: 'keyring',
    program: 'keyring',
    protection: withFilter,
    instead: asIs,
    refused: /^EPERM$/,
    works: all('worked', 'add_key', 'keyctl'),
  },
  {
    name: 'clone3 with CLONE_NEWUSER',
    program: 'namespaces',
    protection: withFilter,
    instead: asIs,
    refused: /^(EPERM|ENOSYS)$/,
    works: all('worked', 'clone3 user', 'clone user', 'unshare user and network'),
  },
  {
    name: 'socket families',
    program: 'sockets',
    protection: withFilter,
    instead: withCapabilities('CAP_NET_RAW'),
    refused: /^EPERM$/,
    works: all('worked', 'AF_PACKET', 'raw IPv4', 'uevents'),
  },
  {
    name: 'mount tricks',
    program: 'mount-tricks',
    instead: withCapabilities('CAP_SYS_ADMIN'),
    refused: {
      mkdir: 'worked',
      ...all('EPERM', 'mount tmpfs', 'bind', 'remount /sys writable', 'fsopen', 'pivot_root'),
    },
    works: all('worked', 'mount tmpfs', 'bind', 'remount /sys writable', 'unmount a mask'),
  },
  {
    name: 'cgroup writes',
    program: 'cgroups',
    args: [GROUP, 'cgroup.max.depth'],
    instead: both(withCapabilities('CAP_SYS_ADMIN'), without('cgroup')),
    refused: {
      ...all('EROFS', 'make a group', `${GROUP}/cgroup.procs`, `${GROUP}/cgroup.freeze`, `${GROUP}/cgroup.max.depth`),
      'mount cgroup2': 'EPERM',
    },
    works: all('worked', 'mount cgroup2', '/tmp/mine/cgroup.procs'),
  },
  {
    name: '/proc/sys and /sys writes',
    program: 'write-file',
    args: SETTINGS.flatMap((path) => [path, settingOf(path)]),
    instead: ({ linux, mounts }) => {
      linux.readonlyPaths = [];
      for (const item of mounts.filter(({ type }) => type === 'sysfs')) item.options = [];
    },
    refused: /^EROFS$/,
    works: all('worked', ...SETTINGS),
  },
  {
    name: '/proc/sys made writable',
    program: 'remount-and-write',
    args: ['/proc/sys', CORE_PATTERN, core],
    instead: withCapabilities('CAP_SYS_ADMIN'),
    refused: { remount: 'EPERM', write: 'EROFS' },
    works: all('worked', 'remount', 'write'),
  },
  {
    name: 'calls that act on the whole machine',
    program: 'privileged-calls',
    instead: withCapabilities('CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_PACCT', 'CAP_SYS_TIME', 'CAP_SYSLOG'),
    refused: all('EPERM', 'reboot', 'swapon', 'acct', 'sethostname', 'syslog'),
    works: { reboot: 'EINVAL', swapon: 'ENOENT', acct: 'ENOENT', clock_settime: 'EINVAL', syslog: 'worked' },
  },
  {
    name: 'mknod',
    program: 'device-nodes',
    args: ['c', '1', '9'],
    instead: both(withCapabilities('CAP_MKNOD'), ({ linux }) => {
      linux.resources = { devices: [{ allow: true, type: 'c', major: 1, minor: 9, access: 'rwm' }] };
    }),
    refused: /^EPERM$/,
    works: all('worked', 'mknod', 'read what was made'),
  },
  {
    name: 'mknod, with the capability',
    program: 'device-nodes',
    args: ['b', '7', '1'],
    change: withCapabilities('CAP_MKNOD'),
    instead: ({ linux }) => {
      linux.resources = { devices: [{ allow: true, type: 'b', major: 7, minor: 1, access: 'rwm' }] };
    },
    refused: /^EPERM$/,
    works: { mknod: 'worked' },
  },
  {
    name: 'shocker',
    program: 'open-by-handle',
    args: ['/attack'],
    instead: withCapabilities('CAP_DAC_READ_SEARCH'),
    refused: { open_by_handle_at: 'EPERM' },
    works: { open_by_handle_at: 'worked' },
  },
  {
    name: 'terminals',
    program: 'terminals',
    args: ['300'],
    instead: ({ mounts }) => {
      const pts = mounts.find(({ destination }) => destination === '/dev/pts');
      if (pts !== undefined) pts.options = pts.options?.filter((option) => !option.startsWith('max=')) ?? [];
    },
    refused: { 'the last': 'ENOSPC', made: '256' },
    works: { made: '300' },
  },
  {
    name: 'signals and ptrace across containers',
    program: 'neighbour',
    args: [String(process.pid)],
    instead: both(without('pid'), withCapabilities('CAP_SYS_PTRACE')),
    refused: all('ESRCH', 'kill', 'ptrace', 'prlimit'),
    works: all('worked', 'kill', 'open environ', 'prlimit'),
  },
  {
    name: 'chroot escape',
    program: 'chroot-escape',
    args: ['/tmp/jail', import.meta.filename],
    change: withCapabilities('CAP_SYS_CHROOT'),
    instead: bind(import.meta.dirname, import.meta.dirname),
    refused: { ...all('worked', 'chroot', 'fchdir out of it', 'chroot to the top'), open: 'ENOENT' },
    works: { open: 'worked' }, // it has found the container's root
  },
  {
    name: 'calls of i386',
    program: 'other-abi',
    args: ['i386'],
    protection: withFilter,
    instead: asIs,
    refused: /^(EPERM|ENOSYS)$/,
    works: { add_key: 'worked' },
  },
  {
    name: 'descriptor bomb',
    program: 'descriptors',
    args: ['2000'],
    instead: ({ process }) => {
      process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 4000, hard: 4000 }];
    },
    refused: { 'raise the limit': 'EPERM', 'the last': 'EMFILE' },
    works: { opened: '2000' },
  },
];

describe.each(TECHNIQUES)('$name:', (technique) => {
  const { program, args = [], change = asIs, protection = asIs, instead, refused, works } = technique;

  test('a container does none of it', async ({ oci }) => {
    const found = await attack(oci, program, args, both(change, protection));
    if (!(refused instanceof RegExp)) return expect(found).toMatchObject(refused);
    expect(Object.keys(found)).not.toEqual([]);
    expect(Object.values(found).filter((result) => !refused.test(result))).toEqual([]);
  });

  test('control: without the protection it does', async ({ oci }) => {
    expect(await attack(oci, program, args, both(change, instead))).toMatchObject(works);
  });
});

describe('terminal injection:', () => {
  // A run without a terminal of its own has the streams of its caller, as with other runtimes.
  const typed = async (oci: Oci, change: Change) => {
    const bundle = await bundleOf(oci, 'inject', [], change);
    const command = [NIWA_OCI, '--niwad', oci.socket, 'run', '--bundle', bundle, oci.id()].join(' ');
    const { stdout } = await execa('script', ['-qec', command, '/dev/null'], { stdin: 'ignore' });
    return results(stdout.replaceAll('\r', '').replace(/^x+/gm, '')); // the terminal shows what is typed into it
  };

  test('a container types nothing into the terminal of who runs it', async ({ oci }) => {
    const found = await typed(oci, asIs);
    expect(found).toMatchObject({ 'open /dev/tty': 'ENXIO', 'open /dev/console': 'ENOENT' });
    expect(found['TIOCSTI on stdout']).toMatch(/^(EPERM|EIO)$/);
  });

  test('control: with CAP_SYS_ADMIN it does', async ({ oci }) => {
    expect(await typed(oci, withCapabilities('CAP_SYS_ADMIN'))).toMatchObject({ 'TIOCSTI on stdout': 'worked' });
  });
});

describe('bombs:', { tags: 'vm' }, () => {
  const INODES = '30000';
  const limit =
    (resources: object): Change =>
    ({ linux }) =>
      void Object.assign(linux.resources as object, resources);

  test('one of forks stops at the limit', async ({ oci, skip }) => {
    needsController(skip, 'pids');
    const found = await attack(oci, 'fork-bomb', ['500'], limit({ pids: { limit: 50 } }));
    expect(found).toEqual({ 'the last': 'EAGAIN', forked: '49' });
  });

  test('one of memory dies at the limit', async ({ oci, skip }) => {
    needsController(skip, 'memory');
    const memory = { limit: 48 * 2 ** 20, swap: 48 * 2 ** 20 };
    expect(await attack(oci, 'memory-bomb', ['128'], limit({ memory }))).toEqual({});
  });

  test('one of empty files dies at the limit of memory', async ({ oci, skip }) => {
    needsController(skip, 'memory');
    const memory = { limit: 16 * 2 ** 20, swap: 16 * 2 ** 20 };
    expect(await attack(oci, 'inode-bomb', ['/tmp', INODES], limit({ memory }))).toEqual({});
  });

  test('control: without the limits they go on', async ({ oci }) => {
    expect(await attack(oci, 'fork-bomb', ['200'], asIs)).toEqual({ 'the last': 'worked', forked: '200' });
    expect(await attack(oci, 'memory-bomb', ['128'], asIs)).toEqual({ 'the last': 'worked' });
    expect(await attack(oci, 'inode-bomb', ['/tmp', INODES], asIs)).toEqual({ 'the last': 'worked', made: INODES });
  });
});
