import type { SeccompProfileInput } from '../protocol/spec.js';

/**
 * System calls that servers, interpreters, compilers, shells and their libraries use. Each acts only on objects of its
 * caller.
 */
const ALLOWED: Record<string, string> = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
    ftruncate64 futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1
    inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat
    lstat64 mkdir mkdirat mknod mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2
    read readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile sendfile64 setxattr
    splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask
    unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev`,
  memory: `brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap
    mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_madvise
    process_mrelease remap_file_pages`,
  processes: `arch_prctl capget capset chroot execve execveat exit exit_group fork futex futex_requeue futex_time64
    futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu getegid getegid32 geteuid geteuid32
    getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32
    getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kcmp
    landlock_add_rule landlock_create_ruleset landlock_restrict_self pidfd_getfd pidfd_open pidfd_send_signal prctl
    prlimit64 process_vm_readv process_vm_writev ptrace rseq sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area
    set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority
    setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid
    setuid32 sysinfo times ugetrlimit uname vfork wait4 waitid waitpid`,
  signals: `kill pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signalfd signalfd4 sigreturn tgkill tkill`,
  time: `alarm clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
    getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
    timerfd_settime64`,
  waiting: `_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
    eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit pipe pipe2 poll ppoll ppoll_time64
    pselect6 pselect6_time64 select`,
  sockets: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall`,
  'inter-process communication': `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
    mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl
    shmdt shmget`,
};

/** The flags that make namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const NAMESPACE_FLAGS = 0x7e02_0000;
const ENOSYS = 38;

/** The socket families that are allowed. The others are old, need privileges, or had security holes in the kernel. */
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;

/**
 * ROUTE, SOCK_DIAG, XFRM, AUDIT, NETFILTER and GENERIC, which libraries use in their own network namespace.
 * KOBJECT_UEVENT (15) is left out, since it tells of every device of the host. The rule names the numbers that are
 * allowed, and not those that are forbidden: the kernel reads 32 bits of the number and a filter 64, so another number
 * could stand for a forbidden one.
 */
const NETLINK_FAMILIES = [0, 4, 6, 9, 12, 16];

/**
 * Linux, its 32-bit variant and its variants without randomisation. 0xffffffff changes nothing, and asks for the
 * personality.
 */
const PERSONALITIES = [0x0, 0x8, 0x4_0000, 0x2_0000, 0x2_0008, 0xffff_ffff];

const ALLOW = 'SCMP_ACT_ALLOW' as const;

type Rules = NonNullable<SeccompProfileInput['syscalls']>;
type Rule = Rules[number];

/** Allows a call if its arguments, given by their index, have these values. */
function allowedWith(name: string, values: Record<number, number>): Rule {
  const args = Object.entries(values).map(([index, value]) => ({
    index: Number(index),
    value,
    op: 'SCMP_CMP_EQ' as const,
  }));
  return { names: [name], action: ALLOW, args };
}

/** Allows a call if its first argument has one of the values. */
function onlyWith(name: string, values: number[]): Rules {
  return values.map((value) => allowedWith(name, { 0: value }));
}

/**
 * The default profile. A call that is not named gets EPERM; a call that is newer than libseccomp gets ENOSYS. A
 * container cannot make namespaces or mounts, and cannot use keyrings, bpf, perf, io_uring, modules, clocks or the
 * kernel's log. clone3 has its flags in memory, where a filter cannot read them: it gets ENOSYS, and then libc uses
 * clone.
 */
export const DEFAULT_PROFILE: SeccompProfileInput = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [
    { names: Object.values(ALLOWED).join(' ').split(/\s+/), action: ALLOW },
    {
      names: ['clone'],
      action: ALLOW,
      args: [{ index: 0, value: NAMESPACE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ...onlyWith('socket', [AF_UNIX, AF_INET, AF_INET6]),
    ...NETLINK_FAMILIES.map((family) => allowedWith('socket', { 0: AF_NETLINK, 2: family })),
    ...onlyWith('socketpair', [AF_UNIX]),
    ...onlyWith('personality', PERSONALITIES),
  ],
};

/** The actions by which a call reaches the kernel, or somebody who may let it. */
const LETTING = [ALLOW, 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE', 'SCMP_ACT_NOTIFY'];

/** Whether a profile refuses a call whatever its arguments are. */
export function refusesAlways(
  {
    defaultAction,
    syscalls = [],
  }: { defaultAction: string; syscalls?: { names: string[]; action: string; args?: object[] }[] },
  name: string,
): boolean {
  const rules = syscalls.filter(({ names }) => names.includes(name));
  const [whole] = rules.filter(({ args = [] }) => args.length === 0);
  if (whole !== undefined) return !LETTING.includes(whole.action);
  return ![defaultAction, ...rules.map(({ action }) => action)].some((action) => LETTING.includes(action));
}

/** Whether a profile allows a call whatever its arguments are. False where rules of the profile differ about it. */
export function allowsAlways({ defaultAction, syscalls = [] }: SeccompProfileInput, name: string): boolean {
  const rules = syscalls.filter(({ names }) => names.includes(name));
  if (rules.length === 0) return defaultAction === ALLOW;
  return rules.every(({ action, args = [] }) => action === ALLOW && args.length === 0);
}
