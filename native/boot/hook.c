// A hook that runs in the container: before its root is pivoted, or before its program is executed.
#include <errno.h>
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "interpreter.h"
#include "report.h"

#define CANNOT_EXECUTE 127

static bool write_all(int fd, const char *text) {
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) text += n, left -= (size_t)n;
    }
    return true;
}

// Writes the digits of a number in front of `end`, which gets the NUL. Gives the first digit.
static char *digits(char *end, pid_t number) {
    *end = 0;
    do *--end = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return end;
}

// Gives a file with the state: a text, the pid as the container sees it, and a text. Or a negative errno.
static int state_file(const char *before, const char *after) {
    char text[24];
    int fd = (int)syscall(SYS_memfd_create, "state", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    const char *pid = digits(text + sizeof text - 1, (pid_t)syscall(SYS_getpid));
    if (write_all(fd, before) && write_all(fd, pid) && write_all(fd, after) && syscall(SYS_lseek, fd, 0, SEEK_SET) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

// Runs in the child. Its output goes to the standard error of the container; it has no other descriptors.
static _Noreturn void become(const struct op *op, int state) {
    const char *program = op->strings[0], *directory = op->strings[1];
    size_t count = op->numbers[1];
    char *args[count + 1];
    memcpy(args, op->strings + 4, count * sizeof *args);
    args[count] = NULL;
    setsid();
    bool ready = dup2(state, 0) >= 0 && dup2(2, 1) >= 0 && syscall(SYS_close_range, 3, ~0u, 0) == 0 &&
                 (*directory == 0 || chdir(directory) == 0 || errno == EACCES); // see op_show_root()
    if (ready) execve(program, args, op->strings + 4 + count); // program_next() ends the environment with NULL
    _exit(CANNOT_EXECUTE);
}

// Waits for the end of a process; kills its session's group when its time is over. Gives 0, -ETIMEDOUT, or a negative
// errno.
static int await_hook(pid_t pid, uint64_t timeout_ms) {
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) return -errno;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    struct timespec time = {.tv_sec = (time_t)(timeout_ms / 1000), .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    long count; // the kernel leaves the rest of the time in `time`
    do count = syscall(SYS_ppoll, &ended, 1, timeout_ms == 0 ? NULL : &time, NULL, sizeof(long));
    while (count < 0 && errno == EINTR);
    int error = count < 0 ? -errno : count == 0 ? -ETIMEDOUT : 0;
    close(pidfd);
    return error;
}

// hook(timeout in ms or 0, number of arguments, program, directory or "", state before the pid, state behind it,
// argument..., environment...): runs a program, which has to exit with 0.
int op_hook(struct boot *boot, const struct op *op) {
    (void)boot;
    if (op->numbers[1] == 0 || op->numbers[1] > op->string_count - 4) return -EBADMSG;
    int state = state_file(op->strings[2], op->strings[3]);
    if (state < 0) return state;
    pid_t pid = fork();
    if (pid == 0) become(op, state);
    int error = pid < 0 ? -errno : 0;
    close(state);
    if (error < 0) return error;
    error = await_hook(pid, op->numbers[0]);
    if (error < 0) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return error < 0 ? error : code == 0 ? 0 : -(HOOK_STATUS + code);
}
