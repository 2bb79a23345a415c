// niwa-boot: the first program of every container. niwad execs it from a sealed memfd in the new namespaces and group;
// it reads the boot program from descriptor 3, runs it, and becomes the workload.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interpreter.h"
#include "report.h"

#define CONTROL_FD 3

static int read_exactly(int fd, void *buffer, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        ssize_t n = read(fd, (char *)buffer + done, bytes - done);
        if (n == 0) return -EPIPE;
        if (n < 0 && errno != EINTR) return -errno;
        if (n > 0) done += (size_t)n;
    }
    return 0;
}

static int read_program(int fd, struct program *program) {
    uint32_t header[3];
    int error = read_exactly(fd, header, sizeof header);
    if (error < 0) return error;
    if (header[0] != PROGRAM_MAGIC || header[2] > PROGRAM_MAX_BYTES) return -EBADMSG;
    unsigned char *body = malloc(header[2] + 1u);
    if (body == NULL) return -ENOMEM;
    error = read_exactly(fd, body, header[2]);
    if (error < 0)
        free(body);
    else
        program_open(program, body, header[2], header[1]);
    return error;
}

// Node.js ignores SIGPIPE, and all signals were blocked during the clone. The exec would pass both to the workload.
static void reset_signals(void) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(void) {
    reset_signals();
    umask(0); // the program names each mode in full
    prctl(PR_SET_NAME, "niwa-boot");
    struct boot boot = {.control = CONTROL_FD, .root = -1, .proc = -1, .sys = -1, .parent = -1};
    struct program program = {0};
    struct boot_report report = {.kind = BOOT_FAILED};
    int error = read_program(CONTROL_FD, &program);
    if (error == 0) error = interpret(&boot, &program, &report.step);
    report.error = -error;
    (void)!send(boot.control, &report, sizeof report, MSG_NOSIGNAL);
    _exit(error == -ENOENT ? 127 : 126);
}
