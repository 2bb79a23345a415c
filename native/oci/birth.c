#include "birth.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../boot/report.h"
#include "agent.h"
#include "hook.h"
#include "kept.h"
#include "log.h"
#include "net_devices.h"
#include "order.h"

#define CONTROL_FD 3
#define CONTAINER_FD 4
#define FIRST_LIFTED (LAST_PLACE + 1)
#define NO_STEP UINT32_MAX
#define EXEC_TIMEOUT_MS 10000 // a process of the container may stop (SIGSTOP) that of an exec

static int exec_timeout_ms = EXEC_TIMEOUT_MS;

void wait_while_paused(void) {
    exec_timeout_ms = -1;
}

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

// What the new process is made of.
struct making {
    uint64_t flags;
    int boot, group;
    int first;      // with an exec the pidfd of the first process of the container, else -1
    const int *fds; // those that niwa-boot gets, in the order of `places`
    const int *places;
    size_t place_count;
    int control;
    size_t kept;
};

// Copies the descriptors of niwa-boot above all numbers that one of them gets.
static bool lift(const struct making *making, int above, int *lifted) {
    for (size_t i = 0; i < making->place_count; i++)
        if ((lifted[i] = fcntl(making->fds[i], F_DUPFD_CLOEXEC, above)) < 0) return false;
    return true;
}

static bool place(const struct making *making, const int *lifted) {
    for (size_t i = 0; i < making->place_count; i++)
        if (dup2(lifted[i], making->places[i]) < 0) return false;
    return true;
}

// Runs in the new process: becomes niwa-boot, with the standard streams of this program, the control socket, the first
// process, the descriptors of the order and the kept ones alone.
static _Noreturn void become_boot(const struct making *making) {
    char *const args[] = {"niwa-boot", NULL}, *const env[] = {NULL};
    int above = making->kept > 0 ? KEPT_FD + (int)making->kept : FIRST_LIFTED;
    int lifted = fcntl(making->boot, F_DUPFD_CLOEXEC, above);
    int control = fcntl(making->control, F_DUPFD_CLOEXEC, above);
    int first = making->first < 0 ? -1 : fcntl(making->first, F_DUPFD_CLOEXEC, above);
    int placed[MAX_PLACED];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // copies that are made after close_range() stay open over the exec
    bool ready = lifted >= 0 && control >= 0 && lift(making, above, placed) &&
                 syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0 &&
                 place_kept(making->kept) == 0 && dup2(control, CONTROL_FD) >= 0 &&
                 (making->first < 0 || dup2(first, CONTAINER_FD) >= 0) && place(making, placed);
    if (ready) syscall(SYS_execveat, lifted, "", args, env, AT_EMPTY_PATH);
    _exit(127);
}

// Clones into the group. Gives 0 or a negative errno.
static int clone_into(const struct making *making, struct born *born) {
    struct clone_args args = {
        .flags = making->flags | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)&born->pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)making->group,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) become_boot(making);
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

// A report, and who has sent it: the kernel says so.
struct received {
    struct boot_report report;
    pid_t sender;
    int terminal; // that came with it, or -1
};

// Receives one report. Gives false at the end of the socket.
static bool receive_report(int control, struct received *received) {
    *received = (struct received){.terminal = -1};
    struct iovec part = {&received->report, sizeof received->report};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    ssize_t n;
    do n = recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (n < 0 && errno == EINTR);
    if (n != sizeof received->report) return false;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each != NULL; each = CMSG_NXTHDR(&message, each)) {
        struct ucred sender;
        if (each->cmsg_level != SOL_SOCKET) continue;
        if (each->cmsg_type == SCM_RIGHTS) memcpy(&received->terminal, CMSG_DATA(each), sizeof(int));
        if (each->cmsg_type != SCM_CREDENTIALS) continue;
        memcpy(&sender, CMSG_DATA(each), sizeof sender);
        received->sender = sender.pid;
    }
    return true;
}

// Goes on with the process that the one before has left its place to, see op_be_born(). A process of the container
// may have taken hold of the new one, and with it of the socket, so only the word of the old one counts.
static void follow(struct born *born, const struct received *received) {
    if (received->sender != born->pid) return;
    int pidfd = (int)syscall(SYS_pidfd_open, received->report.pid, 0);
    if (pidfd < 0) return;
    end_unkept();
    close(born->pidfd);
    born->pid = received->report.pid;
    born->pidfd = unkept = pidfd;
    born->moves = false;
}

// Takes a report in. Gives whether it says how far the program has come.
static bool take_report(const struct order *order, struct born *born, const struct received *received) {
    const struct boot_report *report = &received->report;
    if (received->terminal >= 0) {
        if (born->terminal >= 0) close(born->terminal);
        born->terminal = received->terminal;
    }
    if (report->kind == BOOT_BORN) follow(born, received);
    if (report->kind == BOOT_LISTENER && order->agent.length > 0) born->listener = report->fd;
    // the agent learns the pid of the process that stays
    if (born->listener >= 0 && !born->moves) {
        give_listener(order, born->pidfd, born->pid, born->listener, born->control);
        born->listener = -1;
    }
    return report->kind == BOOT_READY || report->kind == BOOT_FAILED || report->kind == BOOT_PAUSED;
}

// Waits until the process reports how far its program has come: that one, and none that leaves its place to it. A path
// may hang for ever, so this also ends where niwad goes away. Gives 0, -EIO where the control socket ends, or
// -ETIMEDOUT.
static int await_report(const struct order *order, int niwad, struct born *born, int timeout_ms,
                        struct boot_report *report) {
    struct pollfd ready[] = {{.fd = born->control, .events = POLLIN}, {.fd = niwad, .events = POLLIN}};
    struct received received;
    pid_t teller = 0;
    while (teller == 0 || (report->kind != BOOT_FAILED && teller != born->pid)) {
        int count = poll(ready, 2, timeout_ms);
        if (count == 0) return -ETIMEDOUT;
        if (count < 0 && errno != EINTR) return -errno;
        if (count < 0) continue;
        if (ready[0].revents != 0) {
            if (!receive_report(born->control, &received)) return -EIO;
            if (!take_report(order, born, &received)) continue;
            *report = received.report;
            teller = received.sender;
        } else if (ready[1].revents != 0) {
            fail("niwad has ended while the container was made");
        }
    }
    return 0;
}

// Tells niwad which step has failed. niwad knows its words: receiving them ends the program.
static _Noreturn void tell_unborn(int niwad, uint32_t step, int32_t error, int32_t signal_number) {
    struct buffer body = {0};
    buffer_add(&body, &step, sizeof step);
    buffer_add(&body, &error, sizeof error);
    buffer_add(&body, &signal_number, sizeof signal_number);
    send_frame(niwad, FRAME_UNBORN, &body, NULL, 0);
    receive_answer(niwad);
    fail("the container could not be made");
}

// The signal that ended the process, or 0.
static int ending_signal(int pidfd) {
    siginfo_t info = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT) < 0) return 0;
    return info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED ? info.si_status : 0;
}

// Lets niwad run hooks while the program pauses, then lets the program go on. As await_report().
static int pass_pause(const struct order *order, int niwad, struct born *born, struct boot_report *report) {
    struct buffer body = {0};
    uint32_t pid = (uint32_t)born->pid;
    buffer_add(&body, &pid, sizeof pid);
    send_frame(niwad, FRAME_PAUSED, &body, NULL, 0);
    free(body.bytes);
    struct frame answer = receive_answer(niwad);
    if (answer.kind != FRAME_GO) fail("niwad has another version than niwa-oci");
    free(answer.body);
    return send_program(born->control, "", 1) ? await_report(order, niwad, born, -1, report) : -EIO;
}

struct born give_birth(int niwad, const struct frame *birth, size_t kept) {
    struct order order = read_order(birth);
    if (order.cpu_bytes > 0 && sched_setaffinity(0, order.cpu_bytes, (const cpu_set_t *)order.cpus) < 0)
        fail("cannot run on the CPUs of process.execCPUAffinity.initial: %s", reason(errno));
    bool is_exec = order.place_count == 0 && birth->fd_count == 3;
    if (birth->fd_count != 2 + order.place_count && !is_exec) fail("niwad has another version than niwa-oci");
    struct making making = {.flags = order.flags,
                            .boot = birth->fds[0],
                            .group = birth->fds[1],
                            .first = is_exec ? birth->fds[2] : -1,
                            .fds = birth->fds + 2,
                            .places = order.places,
                            .place_count = order.place_count,
                            .kept = kept};
    struct born born = {.pidfd = -1, .terminal = -1, .moves = is_exec, .listener = -1};
    int control[2], with_sender = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
        setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &with_sender, sizeof with_sender) < 0)
        fail("cannot make a socket: %s", reason(errno));
    born.control = control[0];
    making.control = control[1];
    atexit(end_unkept);
    int error = clone_into(&making, &born);
    if (error < 0) tell_unborn(niwad, NO_STEP - 1, -error, 0);
    close(control[1]);
    for (size_t i = 0; i < birth->fd_count; i++) close(birth->fds[i]);
    struct boot_report report;
    bool sent = send_program(born.control, order.program, order.program_length);
    error = sent ? await_report(&order, niwad, &born, is_exec ? exec_timeout_ms : -1, &report) : -EIO;
    while (error == 0 && report.kind == BOOT_PAUSED) error = pass_pause(&order, niwad, &born, &report);
    if (error < 0) tell_unborn(niwad, NO_STEP, -error, error == -ETIMEDOUT ? 0 : ending_signal(born.pidfd));
    if (report.kind != BOOT_READY) tell_unborn(niwad, report.step, report.error, 0);
    move_devices(&order, born.pidfd, born.pid);
    return born;
}

void execute_born(int niwad, struct born *born) {
    struct boot_report report;
    const struct order none = {0};
    int error = send_program(born->control, "", 1) ? await_report(&none, niwad, born, exec_timeout_ms, &report) : -EIO;
    if (error == 0) tell_unborn(niwad, report.step, report.error, 0);
    if (error != -EIO) tell_unborn(niwad, NO_STEP, -error, 0);
    // the end of the socket means that it has executed
    close(born->control);
}
