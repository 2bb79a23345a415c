// Operations of execs: protecting the helper, entering a container, becoming one of its processes.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpreter.h"
#include "report.h"

// undumpable(): nobody in the container may trace the helper or open its files in /proc while it enters, not even with
// CAP_SYS_PTRACE (CVE-2016-9962). The exec makes the process dumpable again.
int op_undumpable(struct boot *boot, const struct op *op) {
    (void)boot, (void)op;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

// Reads the pid of the first process as text, in the PID namespace of /proc: the kernel shows it for the pidfd. Gives 0
// or a negative errno, -ESRCH where the process has ended.
static int read_pid(char *pid, size_t room) {
    char text[512];
    int info = open("/proc/self/fdinfo/4", O_RDONLY | O_CLOEXEC); // CONTAINER_FD
    ssize_t length = info < 0 ? -1 : read(info, text, sizeof text - 1);
    int error = length < 0 ? -errno : 0;
    if (info >= 0) close(info);
    if (error < 0) return error;
    text[length] = 0;
    const char *line = text;
    while (strncmp(line, "Pid:\t", 5) != 0) {
        line = strchr(line, '\n');
        if (line++ == NULL) return -ESRCH;
    }
    size_t digits = 0;
    while (line[5 + digits] >= '0' && line[5 + digits] <= '9') digits++;
    if (digits == 0 || digits >= room) return -ESRCH;
    memcpy(pid, line + 5, digits);
    pid[digits] = 0;
    return 0;
}

// Opens the root directory of the first process. Gives a descriptor or a negative errno.
static int open_its_root(void) {
    char path[40] = "/proc/", pid[16];
    int error = read_pid(pid, sizeof pid);
    if (error < 0) return error;
    size_t length = strlen(pid);
    memcpy(path + 6, pid, length);
    memcpy(path + 6 + length, "/root", sizeof "/root");
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -errno : root;
}

// enter(flags, [takes its root]): joins these namespaces of the container's first process by one call. With the mount
// namespace come its root, and the working directory "/". Where the mount namespace is not the container's own, its
// root is that of others: then the root of the first process has to be taken from the process.
int op_enter(struct boot *boot, const struct op *op) {
    (void)boot;
    bool takes_root = op->number_count > 1 && op->numbers[1] != 0;
    int root = takes_root ? open_its_root() : -1;
    if (takes_root && root < 0) return root;
    int error = setns(CONTAINER_FD, (int)op->numbers[0]) < 0 ? -errno : 0; // fails if the process has ended meanwhile
    if (error == 0 && takes_root && (fchdir(root) < 0 || chroot(".") < 0)) error = -errno;
    if (root >= 0) close(root);
    return error;
}

// Tells the parent the pid of the process that goes on in the place of this one, and ends.
static _Noreturn void leave_to(const struct boot *boot, long pid) {
    struct boot_report report = {.kind = BOOT_BORN, .pid = (int32_t)pid};
    (void)!send(boot->control, &report, sizeof report, MSG_NOSIGNAL); // where nobody listens, its wait fails
    _exit(0);
}

// be-born([flags]): goes on as a sibling of this process, which ends. With `flags` it is the first process of a
// container, in these new namespaces (CLONE_NEW*), which belong to the user namespace that this process has joined, and
// in the PID namespace that op_setns() has joined. Without, it is a process of the PID namespace that op_enter() has
// joined. Only from then on the processes of the container see it; with CAP_SYS_PTRACE they can trace it, whatever it
// does. So this comes when it has nothing left but what the container has. It leads a session, as this process did.
int op_be_born(struct boot *boot, const struct op *op) {
    bool begins = op->number_count > 0;
    uint64_t flags = begins ? op->numbers[0] : 0;
    // the raw call, since filters allow clone where they do not know clone3
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD | flags, NULL, NULL, NULL, NULL);
    if (pid < 0) return -errno;
    if (pid > 0) leave_to(boot, pid);
    if (begins) {
        boot->proc = boot->sys = -1; // what was mounted before is not in a new mount namespace
        return 0;
    }
    close(CONTAINER_FD);
    return setsid() < 0 ? -errno : 0;
}
