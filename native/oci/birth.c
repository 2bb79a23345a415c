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
#include "hook.h"
#include "kept.h"
#include "log.h"
#include "net_devices.h"
#include "order.h"
#include "progress.h"
#include "unkept.h"

#define CONTROL_FD 3
#define CONTAINER_FD 4
#define FIRST_LIFTED (LAST_PLACE + 1)
#define NO_STEP UINT32_MAX
#define CLONE_STEP (NO_STEP - 1)
#define EXEC_TIMEOUT_MS 10000 // a process of the container may trace that of an exec, and hold it
#define END_MS 1000
#define UNDO_MS 10000

// What the new process is made of.
struct making {
    uint64_t flags;
    int boot, group;
    int network;    // the namespace that the process is in, else -1
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
// process, the descriptors of the order and the kept ones alone. What fails here is told as a failure of the clone.
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
                 (making->network < 0 || setns(making->network, CLONE_NEWNET) == 0) &&
                 syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0 &&
                 place_kept(making->kept) == 0 && dup2(control, CONTROL_FD) >= 0 &&
                 (making->first < 0 || dup2(first, CONTAINER_FD) >= 0) && place(making, placed);
    if (ready) syscall(SYS_execveat, lifted, "", args, env, AT_EMPTY_PATH);
    struct boot_report report = {.kind = BOOT_FAILED, .step = CLONE_STEP, .error = errno};
    send_whole(control, &report, sizeof report, NULL, 0);
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
    keep_only(born->pidfd);
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

static int undoing = -1; // the connection to niwad which undoes the process at the end of this program, else -1

// Nothing in here may call fail(): the program is ending. What is received is of no matter.
static void await_undoing(void) {
    const struct {
        uint32_t kind, length, step;
        int32_t error, signal_number;
    } unborn = {FRAME_UNBORN, 3 * sizeof(uint32_t), NO_STEP, ECANCELED, 0};
    struct pollfd answer = {.fd = undoing, .events = POLLIN};
    if (undoing >= 0 && send_whole(undoing, &unborn, sizeof unborn, NULL, 0) == 0) poll(&answer, 1, UNDO_MS);
}

void undo_at_exit(int niwad) {
    static bool is_registered;
    if (!is_registered) atexit(await_undoing);
    is_registered = true;
    undoing = niwad;
}

// The signal that ended the process, or 0. It ends directly after its control socket, unless another process has that.
static int ending_signal(int pidfd) {
    siginfo_t info = {0};
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    poll(&ended, 1, END_MS);
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT | WNOHANG) < 0) return 0;
    return info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED ? info.si_status : 0;
}

// Lets the program go on that waits.
static bool send_go(const struct born *born) {
    return send_whole(born->control, "", 1, NULL, 0) == 0;
}

// Lets niwad run hooks while the program pauses, then lets the program go on. As await_report().
static int pass_pause(const struct order *order, int niwad, struct born *born, struct boot_report *report) {
    struct buffer body = {0};
    uint32_t pid = (uint32_t)born->pid;
    buffer_add(&body, &pid, sizeof pid);
    send_frame(niwad, FRAME_PAUSED, &body, NULL, 0);
    free(body.bytes);
    struct frame answer = receive_answer(niwad);
    if (answer.kind != FRAME_GO) fail_by_version();
    free(answer.body);
    return send_go(born) ? await_report(order, niwad, born, report) : -EIO;
}

struct born give_birth(int niwad, const struct frame *birth, size_t kept) {
    struct order order = read_order(birth);
    if (order.cpu_bytes > 0 && sched_setaffinity(0, order.cpu_bytes, (const cpu_set_t *)order.cpus) < 0)
        fail("cannot run on the CPUs of process.execCPUAffinity.initial: %s", reason(errno));
    size_t ordered = 2 + order.place_count + (order.network ? 1 : 0);
    bool is_exec = ordered == 2 && birth->fd_count == 3;
    if (birth->fd_count != ordered && !is_exec) fail_by_version();
    struct making making = {.flags = order.flags,
                            .boot = birth->fds[0],
                            .group = birth->fds[1],
                            .network = order.network ? birth->fds[ordered - 1] : -1,
                            .first = is_exec ? birth->fds[2] : -1,
                            .fds = birth->fds + 2,
                            .places = order.places,
                            .place_count = order.place_count,
                            .kept = kept};
    // that of a paused container goes on when somebody resumes it
    struct born born = {.pidfd = -1,
                        .terminal = -1,
                        .moves = is_exec,
                        .listener = -1,
                        .timeout_ms = is_exec && !order.paused ? EXEC_TIMEOUT_MS : -1,
                        .is_removed = order.removed,
                        .ready = NOT_AWAITED};
    int control[2], with_sender = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
        setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &with_sender, sizeof with_sender) < 0)
        fail("cannot make a socket: %s", reason(errno));
    born.control = control[0];
    making.control = control[1];
    int error = clone_into(&making, &born);
    if (error < 0) tell_unborn(niwad, CLONE_STEP, -error, 0);
    close(control[1]);
    for (size_t i = 0; i < birth->fd_count; i++) close(birth->fds[i]);
    struct boot_report report;
    // where the process has ended already, its report is there to be read
    send_whole(born.control, order.program, order.program_length, NULL, 0);
    error = await_report(&order, niwad, &born, &report);
    while (error == 0 && report.kind == BOOT_PAUSED) error = pass_pause(&order, niwad, &born, &report);
    if (error < 0) tell_unborn(niwad, NO_STEP, -error, error == -ETIMEDOUT ? 0 : ending_signal(born.pidfd));
    if (report.kind != BOOT_READY) tell_unborn(niwad, report.step, report.error, 0);
    move_devices(&order, born.pidfd, born.pid);
    if (order.notify.length > 0) born.ready = listen_for_ready(born.pid, order.notify);
    return born;
}

void execute_born(int niwad, struct born *born) {
    struct boot_report report;
    const struct order none = {0};
    int error = send_go(born) ? await_report(&none, niwad, born, &report) : -EIO;
    if (error == 0) tell_unborn(niwad, report.step, report.error, 0);
    if (error != -EIO) tell_unborn(niwad, NO_STEP, -error, 0);
    // the end of the socket means that it has executed
    close(born->control);
}
