// System calls under the names and with the arguments of their manual pages. Since there is one thread, the calls that
// change user, groups or capabilities of a thread change those of the process.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define KERNEL_SIGSET_BYTES ((size_t)8) // sigset_t of the C library is larger

int openat(int directory, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    return openat(AT_FDCWD, path, flags, 0600); // niwa-boot makes files by openat() only
}

int close(int fd) {
    return (int)syscall(SYS_close, fd);
}

ssize_t read(int fd, void *bytes, size_t length) {
    return syscall(SYS_read, fd, bytes, length);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return syscall(SYS_write, fd, bytes, length);
}

int fcntl(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    long argument = va_arg(list, long);
    va_end(list);
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

int dup2(int from, int to) {
    return from == to ? to : (int)syscall(SYS_dup3, from, to, 0);
}

int fstat(int fd, struct stat *status) {
    return (int)syscall(SYS_fstat, fd, status);
}

int fstatfs(int fd, struct statfs *status) {
    return (int)syscall(SYS_fstatfs, fd, status);
}

int mkdirat(int directory, const char *path, mode_t mode) {
    return (int)syscall(SYS_mkdirat, directory, path, mode);
}

int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

int mknodat(int directory, const char *path, mode_t mode, dev_t device) {
    return (int)syscall(SYS_mknodat, directory, path, mode, (unsigned)device);
}

int symlinkat(const char *target, int directory, const char *path) {
    return (int)syscall(SYS_symlinkat, target, directory, path);
}

int chown(const char *path, uid_t uid, gid_t gid) {
    return (int)syscall(SYS_fchownat, AT_FDCWD, path, uid, gid, 0);
}

int chdir(const char *path) {
    return (int)syscall(SYS_chdir, path);
}

int fchdir(int fd) {
    return (int)syscall(SYS_fchdir, fd);
}

int chroot(const char *path) {
    return (int)syscall(SYS_chroot, path);
}

mode_t umask(mode_t mask) {
    return (mode_t)syscall(SYS_umask, mask);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
    return (int)syscall(SYS_mount, source, target, type, flags, data);
}

int umount2(const char *target, int flags) {
    return (int)syscall(SYS_umount2, target, flags);
}

int fsopen(const char *type, unsigned flags) {
    return (int)syscall(SYS_fsopen, type, flags);
}

int fsconfig(int fs, unsigned command, const char *key, const void *value, int number) {
    return (int)syscall(SYS_fsconfig, fs, command, key, value, number);
}

int fsmount(int fs, unsigned flags, unsigned attributes) {
    return (int)syscall(SYS_fsmount, fs, flags, attributes);
}

int open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags);
}

int move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

int mount_setattr(int directory, const char *path, unsigned flags, struct mount_attr *attributes, size_t bytes) {
    return (int)syscall(SYS_mount_setattr, directory, path, flags, attributes, bytes);
}

int setns(int fd, int type) {
    return (int)syscall(SYS_setns, fd, type);
}

int unshare(int flags) {
    return (int)syscall(SYS_unshare, flags);
}

int sethostname(const char *name, size_t length) {
    return (int)syscall(SYS_sethostname, name, length);
}

int prctl(int option, ...) {
    long arguments[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++) arguments[i] = va_arg(list, long);
    va_end(list);
    return (int)syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {
    return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}

int setgroups(size_t count, const gid_t *groups) {
    return (int)syscall(SYS_setgroups, count, groups);
}

int setresgid(gid_t real, gid_t effective, gid_t saved) {
    return (int)syscall(SYS_setresgid, real, effective, saved);
}

int setresuid(uid_t real, uid_t effective, uid_t saved) {
    return (int)syscall(SYS_setresuid, real, effective, saved);
}

int setfsgid(gid_t gid) {
    return (int)syscall(SYS_setfsgid, gid);
}

int setfsuid(uid_t uid) {
    return (int)syscall(SYS_setfsuid, uid);
}

pid_t setsid(void) {
    return (pid_t)syscall(SYS_setsid);
}

int setpgid(pid_t pid, pid_t group) {
    return (int)syscall(SYS_setpgid, pid, group);
}

pid_t getpgrp(void) {
    return (pid_t)syscall(SYS_getpgid, 0);
}

int isatty(int fd) {
    char settings[64]; // the kernel's struct termios has 36 bytes
    return ioctl(fd, TCGETS, settings) == 0;
}

int tcsetpgrp(int fd, pid_t group) {
    return ioctl(fd, TIOCSPGRP, &group);
}

int socket(int domain, int type, int protocol) {
    return (int)syscall(SYS_socket, domain, type, protocol);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    return syscall(SYS_sendmsg, fd, message, flags);
}

pid_t fork(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

int execve(const char *path, char *const args[], char *const env[]) {
    return (int)syscall(SYS_execve, path, args, env);
}

void _exit(int status) {
    syscall(SYS_exit_group, status);
    __builtin_trap(); // a filter of system calls refuses it: SIGILL ends also an init
}

pid_t waitpid(pid_t pid, int *status, int options) {
    return (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

int kill(pid_t pid, int signal_number) {
    return (int)syscall(SYS_kill, pid, signal_number);
}

int sigemptyset(sigset_t *set) {
    *set = (sigset_t){0};
    return 0;
}

int sigfillset(sigset_t *set) {
    *set = (sigset_t){.__val = {~0ul}};
    return 0;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before) {
    return (int)syscall(SYS_rt_sigprocmask, how, set, before, KERNEL_SIGSET_BYTES);
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) {
    return (int)syscall(SYS_rt_sigtimedwait, set, info, NULL, KERNEL_SIGSET_BYTES);
}

// There is no code for handlers to return to: handlers are set only so that /proc shows them, and never run.
__sighandler_t signal(int signal_number, __sighandler_t handler) {
    struct {
        __sighandler_t handler;
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {.handler = handler}, before;
    if (syscall(SYS_rt_sigaction, signal_number, &action, &before, KERNEL_SIGSET_BYTES) < 0) return SIG_ERR;
    return before.handler;
}
