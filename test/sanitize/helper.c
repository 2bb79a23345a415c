// Part of niwa-boot in a sanitized build only. A helper has an empty environment and, before long, another root: it is
// told here where to report, and opens that file before anything else happens.
#include <fcntl.h>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *__asan_default_options(void);
ssize_t __real_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static int reports = -1;

// main() resets all signals: those of a crash stay the sanitizer's. In a container there is no program to find symbols.
const char *__asan_default_options(void) {
    return "handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:handle_abort=2:"
           "leak_check_at_exit=0:symbolize=0";
}

static void report_here(void) {
    __sanitizer_set_report_fd((void *)(intptr_t)reports);
}

// A forked child would look for a file of its own.
__attribute__((constructor)) static void open_reports(void) {
    reports = open(NIWA_REPORTS, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (reports < 0) __builtin_trap();
    report_here();
    pthread_atfork(NULL, NULL, report_here);
}

// The search for leaks attaches to the threads that /proc shows for our number: it fails without a /proc that has one,
// and under a filter of system calls.
static bool can_find_leaks(void) {
    char tasks[32];
    snprintf(tasks, sizeof tasks, "/proc/%d/task", getpid());
    return prctl(PR_GET_SECCOMP) == 0 && access(tasks, R_OK | X_OK) == 0;
}

// Leaks are looked for before niwad hears that the program has run or failed: afterwards the helper is another program,
// or killed.
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags) {
    if (can_find_leaks()) __lsan_do_recoverable_leak_check();
    return __real_send(fd, bytes, length, flags);
}

// The init of a container closes all descriptors: what it reports is output of the container, and it ends otherwise.
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (number == SYS_close_range && c == 0) __sanitizer_set_report_fd((void *)STDERR_FILENO);
    return __real_syscall(number, a, b, c, d, e, f);
}
