#include "birth.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../boot/report.h"
#include "log.h"

#define CONTROL_FD 3
#define FIRST_LIFTED 16
#define NO_STEP UINT32_MAX

// The process, as long as it must not outlive this program; -1 before and afterwards.
static int unkept = -1;

static void end_unkept(void) {
    if (unkept < 0) return;
    syscall(SYS_pidfd_send_signal, unkept, SIGKILL, NULL, 0);
    siginfo_t info;
    waitid((idtype_t)P_PIDFD, (id_t)unkept, &info, WEXITED);
}

void keep_born(void) {
    unkept = -1;
}

// Runs in the new process: becomes niwa-boot, with the standard streams of this program and the control socket alone.
static _Noreturn void become_boot(int boot, int control) {
    char *const args[] = {"niwa-boot", NULL}, *const env[] = {NULL};
    int lifted = fcntl(boot, F_DUPFD_CLOEXEC, FIRST_LIFTED);
    int ours = fcntl(control, F_DUPFD_CLOEXEC, FIRST_LIFTED);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (lifted >= 0 && ours >= 0 && dup2(ours, CONTROL_FD) >= 0 &&
        syscall(SYS_close_range, CONTROL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        syscall(SYS_execveat, lifted, "", args, env, AT_EMPTY_PATH);
    _exit(127);
}

// Clones into the group. Gives 0 or a negative errno.
static int clone_into(int group, uint64_t flags, int boot, int control, struct born *born) {
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)&born->pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)group,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) become_boot(boot, control);
    if (pid < 0) return -errno;
    born->pid = (pid_t)pid;
    unkept = born->pidfd;
    return 0;
}

static bool send_program(int control, const char *program, size_t length) {
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(control, program + sent, length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) sent += (size_t)n;
    }
    return true;
}

// Receives one report, with the terminal that may come with it. Gives false at the end of the socket.
static bool receive_report(int control, struct boot_report *report, int *terminal) {
    struct iovec part = {report, sizeof *report};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    ssize_t n;
    do n = recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (n < 0 && errno == EINTR);
    if (n != sizeof *report) return false;
    struct cmsghdr *right = CMSG_FIRSTHDR(&message);
    if (right != NULL && right->cmsg_level == SOL_SOCKET && right->cmsg_type == SCM_RIGHTS)
        memcpy(terminal, CMSG_DATA(right), sizeof *terminal);
    return true;
}

// Waits until the process reports or ends. A path may hang for ever, so this also ends where niwad goes away.
static bool await_report(int niwad, int control, struct boot_report *report, int *terminal) {
    struct pollfd ready[] = {{.fd = control, .events = POLLIN}, {.fd = niwad, .events = POLLIN}};
    for (;;) {
        if (poll(ready, 2, -1) < 0 && errno != EINTR) return false;
        if (ready[0].revents != 0) {
            if (!receive_report(control, report, terminal)) return false;
            if (report->kind != BOOT_TERMINAL) return true;
        } else if (ready[1].revents != 0) {
            fail("niwad has ended while the container was made");
        }
    }
}

// Tells niwad which step has failed. niwad knows its words: receiving them ends the program.
static _Noreturn void tell_unborn(int niwad, uint32_t step, int32_t error, int32_t signal_number) {
    struct buffer body = {0};
    buffer_add(&body, &step, sizeof step);
    buffer_add(&body, &error, sizeof error);
    buffer_add(&body, &signal_number, sizeof signal_number);
    send_frame(niwad, FRAME_UNBORN, &body, NULL, 0);
    receive_frame(niwad);
    fail("the container could not be made");
}

// The signal that ended the process, or 0.
static int ending_signal(int pidfd) {
    siginfo_t info = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT) < 0) return 0;
    return info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED ? info.si_status : 0;
}

struct born give_birth(int niwad, const struct frame *birth) {
    uint64_t flags;
    if (birth->length < sizeof flags || birth->fd_count != 2) fail("niwad has another version than niwa-oci");
    memcpy(&flags, birth->body, sizeof flags);
    struct born born = {.pidfd = -1, .terminal = -1};
    int control[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
        fail("cannot make a socket: %s", reason(errno));
    born.control = control[0];
    atexit(end_unkept);
    int error = clone_into(birth->fds[1], flags, birth->fds[0], control[1], &born);
    if (error < 0) tell_unborn(niwad, NO_STEP - 1, -error, 0);
    close(control[1]);
    close(birth->fds[0]);
    close(birth->fds[1]);
    struct boot_report report;
    bool reported = send_program(born.control, birth->body + sizeof flags, birth->length - sizeof flags) &&
                    await_report(niwad, born.control, &report, &born.terminal);
    if (!reported) tell_unborn(niwad, NO_STEP, EIO, ending_signal(born.pidfd));
    if (report.kind != BOOT_READY) tell_unborn(niwad, report.step, report.error, 0);
    return born;
}
