// Operations of execs: protecting the helper, entering a container, becoming one of its processes.
#include <errno.h>
#include <sched.h>
#include <signal.h>
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

// enter(flags): joins these namespaces of the container's first process by one call. With the mount namespace come its
// root, and the working directory "/".
int op_enter(struct boot *boot, const struct op *op) {
    (void)boot;
    return setns(CONTAINER_FD, (int)op->numbers[0]) < 0 ? -errno : 0;
}

// Tells the parent the pid of the process that goes on in the place of this one, and ends.
static _Noreturn void leave_to(const struct boot *boot, long pid) {
    struct boot_report report = {.kind = BOOT_BORN, .pid = (int32_t)pid};
    (void)!send(boot->control, &report, sizeof report, MSG_NOSIGNAL); // where nobody listens, its wait fails
    _exit(0);
}

// be-born([flags]): goes on as a sibling of this process, which ends. With `flags` it is the first process of a
// container, in these new namespaces (CLONE_NEW*): they belong to the user namespace that this process has joined.
// Without, it is a process of the PID namespace that op_enter() has joined. Only from then on the processes of the
// container see it; with CAP_SYS_PTRACE they can trace it, whatever it does. So this comes when it has nothing left but
// what the container has. It leads a session, as this process did.
int op_be_born(struct boot *boot, const struct op *op) {
    uint64_t flags = op->number_count > 0 ? op->numbers[0] : 0;
    // the raw call, since filters allow clone where they do not know clone3
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD | flags, NULL, NULL, NULL, NULL);
    if (pid < 0) return -errno;
    if (pid > 0) leave_to(boot, pid);
    if (flags != 0) return 0;
    close(CONTAINER_FD);
    return setsid() < 0 ? -errno : 0;
}
