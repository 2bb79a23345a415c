#include "progress.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "clock.h"
#include "log.h"
#include "unkept.h"

#define LOOK_MS 50    // between two looks at a process that others can stop
#define LISTENER_MS 1 // between two looks for a listener
#define NO_DEADLINE LONG_MAX

// A report, and who has sent it: the kernel says so.
struct received {
    struct boot_report report;
    pid_t sender;
    int terminal; // that came with it, or -1
};

// Takes the descriptors of a message: the first one, and no further one.
static void take_descriptors(struct cmsghdr *rights, struct received *received) {
    size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(rights) + i * sizeof fd, sizeof fd);
        if (received->terminal < 0)
            received->terminal = fd;
        else
            close(fd);
    }
}

static void take_controls(struct msghdr *message, struct received *received) {
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each != NULL; each = CMSG_NXTHDR(message, each)) {
        struct ucred sender;
        if (each->cmsg_level != SOL_SOCKET) continue;
        if (each->cmsg_type == SCM_RIGHTS) take_descriptors(each, received);
        if (each->cmsg_type != SCM_CREDENTIALS) continue;
        memcpy(&sender, CMSG_DATA(each), sizeof sender);
        received->sender = sender.pid;
    }
}

// Receives one report; a report is sent whole, so nothing waits for the rest of one. Gives 0 or a negative errno:
// -EAGAIN where there is none, -EIO at the end of the socket, -EPROTO for something else.
static int receive_report(int control, struct received *received) {
    *received = (struct received){.terminal = -1};
    struct iovec part = {&received->report, sizeof received->report};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    ssize_t n = recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
    take_controls(&message, received);
    if (n == sizeof received->report) return 0;
    if (received->terminal >= 0) close(received->terminal);
    return n == 0 ? -EIO : -EPROTO;
}

// Whether a descriptor is the master side of a terminal: an engine gets nothing else.
static bool is_master(int fd) {
    struct stat status;
    struct statfs where;
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(5, 2) &&
           fstatfs(fd, &where) == 0 && where.f_type == DEVPTS_SUPER_MAGIC;
}

static void take_terminal(struct born *born, const struct received *received) {
    bool is_taken = received->report.kind == BOOT_TERMINAL && is_master(received->terminal);
    int left = is_taken ? born->terminal : received->terminal;
    if (is_taken) born->terminal = received->terminal;
    if (left >= 0) close(left);
}

// Goes on with the process that the one before has left its place to, see op_be_born(). A process of the container
// may have taken hold of the new one, and with it of the socket, so only the word of the old one counts.
static void follow(struct born *born, const struct received *received) {
    if (received->sender != born->pid) return;
    int pidfd = (int)syscall(SYS_pidfd_open, received->report.pid, 0);
    if (pidfd < 0) return;
    keep_only(pidfd);
    close(born->pidfd);
    if (born->asker == born->pid) born->asker = received->report.pid; // it has a copy of the listener
    born->pid = received->report.pid;
    born->pidfd = pidfd;
    born->moves = false;
    born->is_seen = true;
}

// Takes a report in. Gives whether it says how far the program has come.
static bool take_report(const struct order *order, struct born *born, const struct received *received) {
    const struct boot_report *report = &received->report;
    if (received->terminal >= 0) take_terminal(born, received);
    if (report->kind == BOOT_BORN) follow(born, received);
    if (report->kind == BOOT_LISTENER && order->agent.length > 0) {
        born->listener = report->fd;
        born->asker = received->sender;
    }
    return report->kind == BOOT_READY || report->kind == BOOT_FAILED || report->kind == BOOT_PAUSED;
}

// Hands the listener to the agent when the process that stays has it: the agent learns the pid of that one.
static void pass_listener(const struct order *order, struct born *born) {
    if (born->listener < 0 || born->moves || born->asker != born->pid) return;
    int listener = take_listener(born->pidfd, born->listener);
    if (listener == -EBADF) return; // not yet
    born->listener = -1;
    if (listener < 0) return;
    give_listener(order, born->pid, listener);
    born->has_agent = true;
}

// Whether somebody has stopped the process, also where it runs again.
static bool was_stopped(const struct born *born) {
    siginfo_t info = {0};
    int options = WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT;
    return waitid((idtype_t)P_PIDFD, (id_t)born->pidfd, &info, options) == 0 && info.si_pid != 0;
}

// Fails where a process of the container has stopped the new one. One that has executed its program, and closed the
// control socket by that, may stop itself.
static void require_running(struct born *born) {
    struct pollfd more = {.fd = born->control, .events = POLLIN};
    if (born->is_seen && was_stopped(born) && poll(&more, 1, 0) == 0)
        fail("a process of its PID namespace has stopped (SIGSTOP) the process while it was made");
}

// How long a poll() may wait: up to the deadline, or to the next look.
static int step_ms(const struct born *born, long deadline) {
    if (born->listener >= 0) return LISTENER_MS;
    if (born->is_seen) return LOOK_MS;
    if (deadline == NO_DEADLINE) return -1;
    long left = deadline - now_ms();
    return left > 0 ? (int)left : 0;
}

// Waits for the next report, and takes it in. Gives 1 where it says how far the program has come, 0 where the wait goes
// on, or a negative errno.
static int await_next(const struct order *order, int niwad, struct born *born, long deadline,
                      struct received *received) {
    struct pollfd ready[] = {{.fd = born->control, .events = POLLIN},
                             {.fd = niwad, .events = POLLIN},
                             {.fd = born->pidfd, .events = POLLIN}};
    int count = poll(ready, 3, step_ms(born, deadline));
    if (count < 0) return errno == EINTR ? 0 : -errno;
    if (ready[0].revents != 0) {
        int error = receive_report(born->control, received);
        return error == 0 ? take_report(order, born, received) : error == -EAGAIN ? 0 : error;
    }
    if (ready[1].revents != 0) fail("niwad has ended while the container was made");
    // its last report may have come between the looks of poll() at the two
    if (ready[2].revents != 0) return poll(ready, 1, 0) > 0 ? 0 : -EIO;
    require_running(born);
    return 0;
}

int await_report(const struct order *order, int niwad, struct born *born, struct boot_report *report) {
    long deadline = born->timeout_ms < 0 ? NO_DEADLINE : now_ms() + born->timeout_ms;
    pid_t teller = 0;
    while (teller == 0 || (report->kind != BOOT_FAILED && teller != born->pid)) {
        struct received received;
        int is_told = await_next(order, niwad, born, deadline, &received);
        if (is_told < 0) return is_told;
        if (is_told > 0) {
            *report = received.report;
            teller = received.sender;
        }
        pass_listener(order, born);
        if (now_ms() >= deadline) return -ETIMEDOUT;
    }
    if (report->kind == BOOT_READY && order->agent.length > 0 && !born->has_agent)
        fail("the seccomp agent %.*s gets no listener: the process has none", (int)order->agent.length,
             order->agent.bytes);
    return 0;
}
