// PID 1 of a container with `init: true`: reaps every orphan, forwards every signal to the workload, and ends with the
// exit status of the workload.
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interpreter.h"

// Reaps all children that have ended. Gives whether the workload was one of them, and its status.
static int reap(pid_t workload, int *status) {
    int ended = 0, now;
    pid_t pid;
    while ((pid = waitpid(-1, &now, WNOHANG)) > 0)
        if (pid == workload) {
            ended = 1;
            *status = now;
        }
    return ended;
}

static void never_called(int signal_number) {
    (void)signal_number;
}

// niwad reads in /proc which signals this process handles. While sigwaitinfo() waits, the kernel removes the signals
// from SigBlk, so they would seem to be unhandled. With a handler, which never runs, they are in SigCgt.
static void show_signals_as_handled(void) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, never_called);
}

// PID 1 cannot end by the signal that killed the workload (pid_namespaces(7)): it exits with 128 + n, as a shell does.
static void be_init(pid_t workload, const sigset_t *all) {
    int status = 0;
    for (;;) {
        siginfo_t info;
        int signal_number = sigwaitinfo(all, &info);
        if (signal_number < 0) continue;
        if (signal_number == SIGCHLD) {
            if (reap(workload, &status)) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        } else if (signal_number != SIGTTIN && signal_number != SIGTTOU) {
            kill(workload, signal_number);
        }
    }
}

// init(): the rest of the program runs in a child; this process stays as its init. All signals are blocked before the
// fork, so that one which arrives early waits for sigwaitinfo().
int op_init(struct boot *boot, const struct op *op) {
    (void)boot, (void)op;
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) < 0) return -errno;
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child == 0) {
        setpgid(0, 0);
        if (isatty(0)) tcsetpgrp(0, getpgrp()); // so that Ctrl-C goes to the workload; SIGTTOU is blocked
        return sigprocmask(SIG_SETMASK, &before, NULL) < 0 ? -errno : 0;
    }
    prctl(PR_SET_NAME, "niwa-init");
    prctl(PR_SET_DUMPABLE,
          0); // the workload must not trace it: it could stop it, and nothing would be reaped or forwarded
    close(0); // otherwise a standard input that the workload has closed would still have a reader
    show_signals_as_handled();
    syscall(SYS_close_range, 3, ~0u, 0);
    be_init(child, &all);
    return 0;
}
