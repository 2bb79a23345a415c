import { describe, expect, it } from 'vitest';
import { allowsAlways, DEFAULT_PROFILE, refusesAlways } from '../../../src/plan/seccomp.js';
import { SeccompProfile } from '../../../src/protocol/spec/seccomp.js';
import type { SeccompProfileInput } from '../../../src/protocol/spec.js';
import { problemsOf } from '../../../src/spec/check.js';

const rules = DEFAULT_PROFILE.syscalls ?? [];
const rulesFor = (call: string) => rules.filter(({ names }) => names.includes(call));
const free = rules.filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined);
const allowed = free.flatMap(({ names }) => names);

/** What reaches the kernel itself, the machine, or what belongs to others. */
const DANGEROUS = [
  ...[
    'mount',
    'umount',
    'umount2',
    'mount_setattr',
    'move_mount',
    'open_tree',
    'fsopen',
    'fsconfig',
    'fsmount',
    'fspick',
  ],
  ...[
    'pivot_root',
    'setns',
    'unshare',
    'clone3',
    'swapon',
    'swapoff',
    'quotactl',
    'quotactl_fd',
    'acct',
    'sysfs',
    'ustat',
  ],
  ...['bpf', 'perf_event_open', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'userfaultfd'],
  ...['keyctl', 'add_key', 'request_key', 'init_module', 'finit_module', 'delete_module', 'create_module'],
  ...['query_module', 'get_kernel_syms', 'kexec_load', 'kexec_file_load', 'reboot', 'syslog', 'nfsservctl'],
  ...[
    'open_by_handle_at',
    'name_to_handle_at',
    'fanotify_init',
    'lookup_dcookie',
    'uselib',
    '_sysctl',
    'vm86',
    'vm86old',
  ],
  ...['clock_settime', 'clock_settime64', 'clock_adjtime', 'clock_adjtime64', 'adjtimex', 'settimeofday', 'stime'],
  ...['iopl', 'ioperm', 'modify_ldt', 'sethostname', 'setdomainname', 'vhangup', 'bdflush'],
  ...['mbind', 'set_mempolicy', 'get_mempolicy', 'migrate_pages', 'move_pages', 'set_mempolicy_home_node'],
];

describe('the default profile', () => {
  it('is one that a spec could have', () => {
    expect(problemsOf(SeccompProfile, DEFAULT_PROFILE)).toEqual([]);
  });

  it('refuses what it does not name', () => {
    expect(DEFAULT_PROFILE.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(DEFAULT_PROFILE.defaultErrnoRet).toBeUndefined();
  });

  it.each(DANGEROUS)('lets nobody call %s', (call) => {
    expect(rulesFor(call).filter(({ action }) => action !== 'SCMP_ACT_ERRNO')).toEqual([]);
  });

  it('names each call once, and none both with and without conditions', () => {
    expect(allowed.filter((name, i) => allowed.indexOf(name) !== i)).toEqual([]);
    const conditional = rules.filter((rule) => !free.includes(rule)).flatMap(({ names }) => names);
    expect(conditional.filter((name) => allowed.includes(name))).toEqual([]);
    expect(new Set(conditional)).toEqual(new Set(['clone', 'clone3', 'socket', 'socketpair', 'personality']));
  });

  it.each(['read', 'execve', 'mmap', 'futex', 'openat', 'wait4', 'rt_sigaction', 'epoll_wait', 'accept4', 'getrandom'])(
    'lets a program call %s',
    (call) => {
      expect(allowed).toContain(call);
    },
  );

  it('lets clone make no namespace of any kind', () => {
    const kinds = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000];
    const [rule] = rulesFor('clone');
    expect(rule?.args).toEqual([
      { index: 0, value: kinds.reduce((mask, flag) => mask | flag), valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' },
    ]);
  });

  it('sends libc from clone3 back to clone', () => {
    expect(rulesFor('clone3')).toEqual([{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });

  it('has sockets of Unix, IPv4, IPv6 and of some netlink families, and no others', () => {
    const equal = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_EQ' });
    expect(rulesFor('socket').map((rule) => rule.args)).toEqual([
      ...[1, 2, 10].map((domain) => [equal(0, domain)]),
      ...[0, 4, 6, 9, 12, 16].map((family) => [equal(0, 16), equal(2, family)]),
    ]);
    expect(rulesFor('socketpair').map((rule) => rule.args)).toEqual([[equal(0, 1)]]);
  });
});

describe('whether a profile allows a call always', () => {
  const allow = { action: 'SCMP_ACT_ALLOW' as const };
  const args = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' as const }];
  it.each([
    ['by a rule', { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], ...allow }] }, true],
    ['by its default', { defaultAction: 'SCMP_ACT_ALLOW' }, true],
    ['not by its default', { defaultAction: 'SCMP_ACT_ERRNO' }, false],
    ['not where a log is written', { defaultAction: 'SCMP_ACT_LOG' }, false],
    [
      'not for some arguments',
      { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], ...allow, args }] },
      false,
    ],
    [
      'not where another rule forbids it',
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [
          { names: ['read'], ...allow },
          { names: ['read'], action: 'SCMP_ACT_KILL', args },
        ],
      },
      false,
    ],
  ] as [string, SeccompProfileInput, boolean][])('%s', (_how, profile, is) => {
    expect(allowsAlways(profile, 'read')).toBe(is);
  });
});

describe('a call is refused always', () => {
  const args = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' as const }];
  const rule = (action: string, more = {}) => ({ names: ['execve'], action, ...more });
  it.each([
    ['by the default', { defaultAction: 'SCMP_ACT_ERRNO' }, true],
    ['by a rule', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule('SCMP_ACT_KILL')] }, true],
    [
      'not with a rule for some arguments',
      { defaultAction: 'SCMP_ACT_KILL', syscalls: [rule('SCMP_ACT_ALLOW', { args })] },
      false,
    ],
    ['not where a log is written', { defaultAction: 'SCMP_ACT_LOG' }, false],
    ['not where a tracer decides', { defaultAction: 'SCMP_ACT_TRACE' }, false],
    ['not where an agent decides', { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule('SCMP_ACT_NOTIFY')] }, false],
  ])('%s', (_how, profile, is) => {
    expect(refusesAlways(profile, 'execve')).toBe(is);
  });
});
