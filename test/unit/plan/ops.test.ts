import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OP_CODES, type Op } from '../../../src/plan/op.js';
import * as ops from '../../../src/plan/ops.js';
import { refusal } from '../support.js';

const header = readFileSync(new URL('../../../native/boot/program.h', import.meta.url), 'utf8');

describe('operations', () => {
  it('have the codes of native/boot/program.h', () => {
    const body = /enum op_code \{([^}]*)\}/.exec(header)?.[1] ?? '';
    const codes = [...body.matchAll(/OP_([A-Z_]+) = ([0-9]+),/g)].map(([, name, code]) => [
      name?.toLowerCase(),
      Number(code),
    ]);
    expect(codes.length).toBeGreaterThan(20);
    expect(Object.fromEntries(codes)).toEqual(OP_CODES);
    expect(body).toContain(`OP_LAST = OP_${Object.keys(OP_CODES).at(-1)?.toUpperCase()}`);
  });

  it.each<[Op, string]>([
    [ops.setns('network', 1, '/proc/1/ns/net'), 'join the network namespace /proc/1/ns/net'],
    [ops.mount('proc', '/proc'), 'mount proc on /proc'],
    [
      ops.mount('tmpfs', '/dev', { attributes: ['ro', 'noexec'], data: ['size=1'] }),
      'mount tmpfs on /dev (ro, noexec, size=1)',
    ],
    [ops.bind('/a', '/b'), 'bind /a on /b'],
    [ops.bind('/a', '/b', { attributes: ['ro', 'nodev'] }), 'bind /a on /b (ro, nodev)'],
    [ops.bind('/a', '/b', { attributes: ['ro'], idmap: true }), 'bind /a on /b (ro, id-mapped)'],
    [
      ops.overlay('/s', 'root', ['lowerdir=0:1', 'x'], { attributes: ['nodev'] }),
      'mount overlay on /s/root (nodev, lowerdir=0:1, x)',
    ],
    [ops.bind('/a', '/b', { slave: true }), 'bind /a on /b (rslave)'],
    [ops.image('/s/0', { idmap: true }), 'put the image on /s/0 (id-mapped)'],
    [ops.upper('/d', '/s/kept', { idmap: true }), 'bind /d, with upper and work in it, on /s/kept (id-mapped)'],
    [ops.root('/stage', { uid: 1, gid: 2 }), 'take /stage as the root'],
    [ops.joinUser(0, 5), 'enter the user namespace as user 0, group 5'],
    [ops.account(5, { name: '', groups: true }), 'look up the home and the groups of user 5 in the root'],
    [ops.account(5, { name: 'app', groups: false }), 'look up the home of user app in the root'],
    [ops.closeFds(), 'close all descriptors but 0, 1 and 2 at the exec'],
    [ops.undumpable(), 'hide from the processes of the container'],
    [ops.enter(['uts', 'ipc'], 3), 'enter the namespaces of the container: uts, ipc'],
    [ops.beBorn(), 'go on as a process of the container'],
    [ops.terminal(24, 80), 'make a terminal in /dev/pts (80x24)'],
    [ops.seccomp('a profile', [6n, 7n]), 'filter system calls by a profile (2 instructions)'],
    [ops.mkdir('/a', 0o755), 'mkdir /a 0755'],
    [ops.mknod('/dev/null', 0o666, 1, 3), 'mknod /dev/null c 1:3 0666'],
    [ops.remountRoot(['ro']), 'remount / (ro)'],
    [ops.rlimit('nofile', 1, 'unlimited'), 'limit nofile to 1:unlimited'],
    [ops.umask(0o22), 'umask 0022'],
    [ops.capbset(1n, ['CHOWN']), 'bound capabilities to (CHOWN)'],
    [ops.capbset(0n, []), 'bound capabilities to none'],
    [ops.capset(0x1ffn), 'set capabilities 0x1ff'],
    [ops.exec(['/bin/sh', '-c', "echo 'a b'", ''], {}), "exec /bin/sh -c 'echo '\\''a b'\\''' ''"],
  ])('%o say in words: %s', ({ text }, words) => {
    expect(text).toBe(words);
  });

  it.each<[Op, (number | bigint)[], string[]]>([
    [ops.setns('pid', 0x20000000, '/p'), [0x20000000], ['/p']],
    [ops.mount('proc', '/proc', { attributes: ['nosuid', 'nodev', 'noexec'] }), [14, 1], ['proc', 'proc', '/proc']],
    [ops.mount('tmpfs', '/s', { place: 'host', data: ['a=1'] }), [0, 0], ['tmpfs', 'tmpfs', '/s', 'a=1']],
    [ops.bind('/a', '/b', { attributes: ['ro'] }), [1, 1, 1, 0, 0], ['/a', '/b']],
    [ops.bind('/a', '/b', { attributes: ['ro'], place: 'host' }), [1, 0, 1, 0, 0], ['/a', '/b']],
    [ops.bind('/a', '/b', { idmap: true }), [0, 1, 1, 4, 0], ['/a', '/b']],
    [ops.bind('/a', '/b', { idmap: 7 }), [0, 1, 1, 7, 0], ['/a', '/b']],
    [ops.bind('/a', '/b', { slave: true }), [0, 1, 1, 0, 1], ['/a', '/b']],
    [ops.image('/s/0', { idmap: true }), [1], ['/s/0']],
    [ops.upper('/d', '/s/kept', { idmap: false }), [0, 0, 0], ['/d', '/s/kept']],
    [ops.upper('/d', '/s/kept', { idmap: 7, owner: { uid: 5, gid: 6 } }), [7, 5, 6], ['/d', '/s/kept']],
    [ops.slaveMounts(), [0x84000], []],
    [ops.bind('/a', '/b', { recursive: false }), [0, 1, 0, 0, 0], ['/a', '/b']],
    [
      ops.overlay('/s', 'root', ['lowerdir=0:1', 'x'], { attributes: ['nodev'], maker: { uid: 5, gid: 6 } }),
      [4, 5, 6],
      ['/s', 'root', 'lowerdir=0:1,x'],
    ],
    [ops.root('/s'), [0, 0], ['/s']],
    [ops.root('/s', { uid: 1, gid: 2 }), [1, 2], ['/s']],
    [ops.mkdir('/a', 0o700), [0o700, 1, 0, 0], ['/a']],
    [ops.mkdir('/a', 0o700, 'host', { uid: 1, gid: 2 }), [0o700, 0, 1, 2], ['/a']],
    [ops.joinUser(3, 4), [3, 4], []],
    [ops.closeFds(), [], []],
    [ops.undumpable(), [], []],
    [ops.enter(['uts'], 5), [5], []],
    [ops.terminal(24, 80), [24, 80], []],
    [ops.seccomp('x', [6n, 2n ** 64n - 1n]), [6n, 2n ** 64n - 1n], []],
    [ops.symlink('/proc/self/fd', '/dev/fd'), [], ['/proc/self/fd', '/dev/fd']],
    [ops.rlimit('cpu', 1, 2), [0, 1, 2], []],
    [ops.rlimit('nproc', 0, 0), [6, 0, 0], []],
    [ops.rlimit('nofile', 1, 'unlimited'), [7, 1, 2n ** 64n - 1n], []],
    [ops.rlimit('rttime', 'unlimited', 'unlimited'), [15, 2n ** 64n - 1n, 2n ** 64n - 1n], []],
    [ops.user(33, 44), [33, 44], []],
    [ops.capset(5n), [5n, 0, 0], []],
    [ops.exec(['a', 'b'], { X: '1=2', Y: '' }), [2, 4, 5], ['a', 'b', 'X=1=2', 'Y=', 'HOME=/', 'HOSTNAME=']],
    [ops.exec(['a'], { HOSTNAME: 'h', HOME: '' }), [1, 0, 0], ['a', 'HOSTNAME=h', 'HOME=']],
    [ops.account(5, { name: '', groups: false }), [5, 0], ['']],
    [ops.account(5, { name: 'app', groups: true }), [5, 1], ['app']],
  ])('%o have the arguments that the helper reads', ({ numbers, strings }, expectedNumbers, expectedStrings) => {
    expect(numbers).toEqual(expectedNumbers);
    expect(strings).toEqual(expectedStrings);
  });

  it.each([
    ['ro', 1],
    ['nosuid', 2],
    ['nodev', 4],
    ['noexec', 8],
  ] as const)('have the bit of mount_setattr(2) for %s', (attribute, bit) => {
    expect(ops.remountRoot([attribute]).numbers).toEqual([bit]);
  });

  it('name devices as the kernel does', () => {
    const { rdev } = statSync('/dev/null');
    expect(ops.mknod('/dev/null', 0o666, 1, 3).numbers).toEqual([0o020666, rdev]);
  });
});

it('never limits another resource than the one that is named', () => {
  expect(refusal(() => ops.rlimit('nofiles', 1, 1))).toMatchObject({ code: 'INTERNAL' });
});
