// Makes namespaces, above all one of users, in which the attacker would have every capability.
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "report.h"

static void child_of(const char *what, long pid) {
    if (pid == 0) _exit(0);
    tried(what, pid);
    if (pid > 0) waitpid((pid_t)pid, NULL, __WALL);
}

// unshare() in a child, so that each try begins as the first did.
static void try_unshare(const char *what, int flags) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(unshare(flags) < 0 ? errno : 0);
    waitpid(pid, &status, 0);
    errno = WEXITSTATUS(status);
    tried(what, errno != 0 ? -1 : 0);
}

int main(void) {
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    child_of("clone3 user", syscall(SYS_clone3, &args, sizeof args));
    child_of("clone user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
    try_unshare("unshare user", CLONE_NEWUSER);
    try_unshare("unshare user and mount", CLONE_NEWUSER | CLONE_NEWNS);
    try_unshare("unshare user and network", CLONE_NEWUSER | CLONE_NEWNET);
    int fd = open("/proc/self/ns/uts", O_RDONLY);
    tried("setns", setns(fd, CLONE_NEWUTS));
    return 0;
}
