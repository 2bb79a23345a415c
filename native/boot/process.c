// The process itself: its limits, working directory, the pause before the start, and the exec.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "interpreter.h"
#include "report.h"

#define FIRST_FD 3 // behind the three standard ones
#define PROC "/proc/"
#define PROC_ROOT_INODE 1 // PROC_ROOT_INO of the kernel, of every procfs

// Writes a whole text by one call, and closes the descriptor.
static int write_text(int fd, const char *text) {
    size_t length = strlen(text);
    ssize_t written = write(fd, text, length);
    int error = written < 0 ? -errno : (size_t)written < length ? -EIO : 0;
    close(fd);
    return error;
}

// Opens the directory /proc if it is the root of a procfs. In a mount namespace that is joined, it can be what its
// processes have made of it.
static int open_proc(void) {
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (proc < 0) return -errno;
    struct statfs system;
    struct stat status;
    int error = fstatfs(proc, &system) < 0 || fstat(proc, &status) < 0 ? -errno : 0;
    if (error == 0 && (system.f_type != PROC_SUPER_MAGIC || status.st_ino != PROC_ROOT_INODE)) error = -EXDEV;
    if (error < 0) close(proc);
    return error < 0 ? error : proc;
}

// write(path, text): writes to an existing file of this process in procfs, such as /proc/self/oom_score_adj. Nothing
// that is mounted in procfs gets the text.
int op_write(struct boot *boot, const struct op *op) {
    (void)boot;
    const char *path = op->strings[0];
    if (strncmp(path, PROC, strlen(PROC)) != 0) return -EINVAL;
    int proc = open_proc();
    if (proc < 0) return proc;
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, proc, path + strlen(PROC), &how, sizeof how);
    int error = fd < 0 ? -errno : 0;
    close(proc);
    return error < 0 ? error : write_text((int)fd, op->strings[1]);
}

// Opens a file below a directory of procfs. No link is followed, and what is opened has to be of procfs: a value may
// not end up in a file that somebody mounted over a setting.
static int open_setting(const char *path) {
    int settings = open("/proc/sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (settings < 0) return -errno;
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, settings, path, &how, sizeof how);
    int error = fd < 0 ? -errno : 0;
    close(settings);
    struct statfs status;
    if (error == 0 && fstatfs((int)fd, &status) < 0) error = -errno;
    if (error == 0 && status.f_type != PROC_SUPER_MAGIC) error = -EXDEV;
    if (error < 0 && fd >= 0) close((int)fd);
    return error < 0 ? error : (int)fd;
}

// sysctl(path below /proc/sys, text): sets a setting of the namespaces that this process is in.
int op_sysctl(struct boot *boot, const struct op *op) {
    (void)boot;
    int fd = open_setting(op->strings[0]);
    return fd < 0 ? fd : write_text(fd, op->strings[1]);
}

// rlimit(resource, soft, hard, [only raises]): with `only raises`, the hard limit becomes at least `hard`, and the soft
// one stays: the program itself may need more than the workload gets.
int op_rlimit(struct boot *boot, const struct op *op) {
    (void)boot;
    struct rlimit limit = {op->numbers[1], op->numbers[2]};
    if (op->number_count > 3 && op->numbers[3] != 0) {
        if (syscall(SYS_prlimit64, 0, op->numbers[0], NULL, &limit) < 0) return -errno;
        if (limit.rlim_max >= op->numbers[2]) return 0;
        limit.rlim_max = op->numbers[2];
    }
    return setrlimit((__rlimit_resource_t)op->numbers[0], &limit) < 0 ? -errno : 0;
}

// umask(mask)
int op_umask(struct boot *boot, const struct op *op) {
    (void)boot;
    umask((mode_t)op->numbers[0]);
    return 0;
}

// chdir(path, [tries]), which must lead to a directory inside the root (CVE-2024-21626). For one outside, the system
// call getcwd gives "(unreachable)"; getcwd() of libc would search for a path to it. With `tries` it may be forbidden:
// a later chdir() goes there, as another user. Where the first one was allowed, the later one does nothing.
int op_chdir(struct boot *boot, const struct op *op) {
    char now[PATH_MAX];
    bool tries = op->number_count > 0 && op->numbers[0] != 0;
    if (boot->in_cwd) return 0;
    if (chdir(op->strings[0]) < 0) return tries && errno == EACCES ? 0 : -errno;
    if (syscall(SYS_getcwd, now, sizeof now) < 0) return -errno;
    boot->in_cwd = tries;
    return now[0] == '/' ? 0 : -EXDEV;
}

// Reports and waits for the word to go on. Where the connection ends instead, the container ends.
static int report_and_wait(const struct boot *boot, uint32_t kind) {
    struct boot_report report = {.kind = kind};
    if (send(boot->control, &report, sizeof report, MSG_NOSIGNAL) < 0) return -errno;
    char word;
    ssize_t n;
    do n = read(boot->control, &word, 1);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n == 0 ? -EPIPE : 0;
}

// wait(): waits for the start of the container.
int op_wait(struct boot *boot, const struct op *op) {
    (void)op;
    return report_and_wait(boot, BOOT_READY);
}

// pause(): waits until programs outside have done their part, for which this process has made its namespaces.
int op_pause(struct boot *boot, const struct op *op) {
    (void)op;
    return report_and_wait(boot, BOOT_PAUSED);
}

// Writes directory/name. Gives whether there was room.
static bool join(char out[PATH_MAX], const char *directory, size_t length, const char *name) {
    size_t rest = strlen(name) + 1;
    if (length >= PATH_MAX || rest >= PATH_MAX - length) return false;
    memcpy(out, directory, length);
    out[length] = '/';
    memcpy(out + length + 1, name, rest);
    return true;
}

// Writes the next candidate for a program along the directories of a path, and moves the path on; NULL is its end.
// Gives false where there is none.
static bool next_candidate(const char **path, const char *name, char out[PATH_MAX]) {
    while (*path != NULL) {
        const char *directory = *path;
        size_t length = strcspn(directory, ":");
        *path = directory[length] == 0 ? NULL : directory + length + 1;
        if (join(out, length > 0 ? directory : ".", length > 0 ? length : 1, name)) return true;
    }
    return false;
}

// Executes `args`, searched in the directories of `path`, by the rules of the shell: after ENOENT and EACCES the search
// goes on, and EACCES is the result where nothing else is found.
static int execute_along(const char *path, char **args, char **env) {
    char candidate[PATH_MAX];
    int error = -ENOENT;
    while (next_candidate(&path, args[0], candidate)) {
        execve(candidate, args, env);
        if (errno == EACCES)
            error = -EACCES;
        else if (errno != ENOENT && errno != ENOTDIR)
            return -errno;
    }
    return error;
}

static const char *find_path(char **env) {
    for (; *env != NULL; env++)
        if (strncmp(*env, "PATH=", 5) == 0) return *env + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

// close-fds(): the exec closes all descriptors but the three standard ones.
int op_close_fds(struct boot *boot, const struct op *op) {
    (void)boot, (void)op;
    return syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

// keep-fds(count): the exec keeps up to this many descriptors beside the three standard ones, as 3 and so on. Those
// that are to be kept were put at KEPT_FD; the control socket gives up its place. A number that is not at KEPT_FD is
// closed.
int op_keep_fds(struct boot *boot, const struct op *op) {
    int count = (int)op->numbers[0];
    int control = fcntl(boot->control, F_DUPFD_CLOEXEC, FIRST_FD + count);
    if (control < 0) return -errno;
    boot->control = control;
    for (int i = 0; i < count; i++) {
        if (dup2(KEPT_FD + i, FIRST_FD + i) >= 0) continue;
        if (errno != EBADF) return -errno;
        close(FIRST_FD + i);
    }
    return syscall(SYS_close_range, FIRST_FD + count, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int set_filter(uint64_t flags, const uint64_t *instructions, size_t count) {
    struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)instructions};
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return result < 0 ? -errno : (int)result;
}

// seccomp(instruction...): each number is one struct sock_filter, see seccomp(2).
int op_seccomp(struct boot *boot, const struct op *op) {
    (void)boot;
    return set_filter(0, op->numbers, op->number_count);
}

// seccomp-flags(flags, instruction...)
int op_seccomp_flags(struct boot *boot, const struct op *op) {
    (void)boot;
    return set_filter(op->numbers[0], op->numbers + 1, op->number_count - 1);
}

// seccomp-listener(flags, instruction...): as seccomp-flags(), for a filter that asks whoever has its listener.
// niwa-oci gets the number of the listener before, and takes it from this process: this process may not be able to say
// more, since all that it does may wait for an answer.
int op_seccomp_listener(struct boot *boot, const struct op *op) {
    // the lowest free number, which the kernel then takes for the listener
    int number = fcntl(boot->control, F_DUPFD_CLOEXEC, 0);
    if (number < 0) return -errno;
    close(number);
    struct boot_report report = {.kind = BOOT_LISTENER, .fd = number};
    if (send(boot->control, &report, sizeof report, MSG_NOSIGNAL) < 0) return -errno;
    int listener = set_filter(op->numbers[0] | SECCOMP_FILTER_FLAG_NEW_LISTENER, op->numbers + 1, op->number_count - 1);
    return listener < 0 ? listener : listener == number ? 0 : -EBADF;
}

// Puts a variable that op_account() has found into its place among the strings; does nothing for the place 0 and for
// NULL.
static bool put_variable(const struct op *op, uint64_t place, char *variable) {
    if (place != 0 && (place < op->numbers[0] || place >= op->string_count)) return false;
    if (place != 0 && variable != NULL) op->strings[place] = variable;
    return true;
}

// exec(number of arguments, place of HOME, place of HOSTNAME, argument..., environment...): the place 0 means none.
int op_exec(struct boot *boot, const struct op *op) {
    size_t count = op->numbers[0];
    if (count == 0 || count > op->string_count) return -EBADMSG;
    bool is_put = put_variable(op, op->numbers[1], boot->home) && put_variable(op, op->numbers[2], boot->hostname);
    if (!is_put) return -EBADMSG;
    char *args[count + 1]; // with an end of its own: in op->strings the environment follows
    memcpy(args, op->strings, count * sizeof *args);
    args[count] = NULL;
    char **env = op->strings + count; // program_next() ends it with NULL
    if (strchr(args[0], '/') == NULL) return execute_along(find_path(env), args, env);
    execve(args[0], args, env);
    return -errno;
}

// Gives 0 where the path is a file that this process may execute, or a negative errno.
static int check_program(const char *path) {
    struct stat status;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return -errno;
    bool is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    close(fd);
    if (!is_file) return -EACCES;
    return syscall(SYS_faccessat, AT_FDCWD, path, X_OK) < 0 ? -errno : 0;
}

// find-program(name, path): fails where op_exec() would not find the program, along the directories of `path`. The
// start would fail later, when the engine has been told that the container is there.
int op_find_program(struct boot *boot, const struct op *op) {
    (void)boot;
    const char *name = op->strings[0], *path = op->strings[1];
    if (strchr(name, '/') != NULL) return check_program(name);
    char candidate[PATH_MAX];
    int error = -ENOENT;
    while (next_candidate(&path, name, candidate)) {
        int found = check_program(candidate);
        if (found == 0) return 0;
        if (found == -EACCES) error = found;
    }
    return error;
}

// exec-image(argument...): executes a static program that niwad has opened, without an environment.
int op_exec_image(struct boot *boot, const struct op *op) {
    (void)boot;
    char *const env[] = {NULL};
    syscall(SYS_execveat, IMAGE_FD, "", op->strings, env, AT_EMPTY_PATH);
    return -errno;
}
