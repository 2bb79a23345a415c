#include "unkept.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 5000

static int unkept = -1; // its pidfd, or -1

// A process that hangs on a path, or that another one traces, cannot be reaped when it is killed: nobody waits for it.
static void end_unkept(void) {
    if (unkept < 0) return;
    struct pollfd ended = {.fd = unkept, .events = POLLIN};
    siginfo_t info;
    syscall(SYS_pidfd_send_signal, unkept, SIGKILL, NULL, 0);
    poll(&ended, 1, END_MS);
    waitid((idtype_t)P_PIDFD, (id_t)unkept, &info, WEXITED | WNOHANG);
}

void keep_only(int pidfd) {
    static bool is_registered;
    if (!is_registered) atexit(end_unkept);
    is_registered = true;
    end_unkept();
    unkept = pidfd;
}

void keep_born(void) {
    unkept = -1;
}
