#include "foreground.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "log.h"

#define MOST_IN_TERMINAL (256 << 10) // more than the kernel keeps of a terminal's output

static struct termios before; // the settings of our terminal, set back at the end
static bool is_raw;

static sigset_t passed_on(void) {
    sigset_t signals;
    sigfillset(&signals);
    static const int kept[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPIPE};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) sigdelset(&signals, kept[i]);
    return signals;
}

void hold_signals(void) {
    sigset_t signals = passed_on();
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

static void set_back(void) {
    if (is_raw) tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void copy_size(int terminal) {
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(terminal, TIOCSWINSZ, &size);
}

static void make_raw(int terminal) {
    if (tcgetattr(STDIN_FILENO, &before) < 0) return;
    struct termios raw = before;
    cfmakeraw(&raw);
    is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    atexit(set_back);
    copy_size(terminal);
}

// Copies what is there. Gives how many bytes, or -1 at the end.
static ssize_t copy(int from, int to) {
    char bytes[4096];
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n < 0) return errno == EINTR || errno == EAGAIN ? 0 : -1;
    for (ssize_t done = 0; done < n;) {
        ssize_t written = write(to, bytes + done, (size_t)(n - done));
        if (written < 0 && errno != EINTR) return -1;
        if (written > 0) done += written;
    }
    return n > 0 ? n : -1;
}

// Copies the last output of the process. Another process may have the terminal, and write for ever.
static void copy_rest(int terminal) {
    struct pollfd ready = {.fd = terminal, .events = POLLIN};
    for (ssize_t left = MOST_IN_TERMINAL, n; left > 0 && poll(&ready, 1, 0) > 0; left -= n)
        if ((n = copy(terminal, STDOUT_FILENO)) < 0) return;
}

static void pass_on(const struct born *born, int signals) {
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGWINCH && born->terminal >= 0)
        copy_size(born->terminal);
    else
        syscall(SYS_pidfd_send_signal, born->pidfd, (int)info.ssi_signo, NULL, 0);
}

static int exit_status(int pidfd) {
    siginfo_t info = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) fail("cannot wait: %s", reason(errno));
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int await_end(const struct born *born, struct readiness *word) {
    sigset_t wanted = passed_on();
    int signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    bool has_terminal = born->terminal >= 0;
    if (has_terminal) make_raw(born->terminal);
    struct pollfd ready[] = {
        {.fd = born->pidfd, .events = POLLIN},    {.fd = signals, .events = POLLIN},
        {.fd = born->terminal, .events = POLLIN}, {.fd = has_terminal ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = word->socket, .events = POLLIN},
    };
    while (ready[0].revents == 0) {
        if (poll(ready, 5, -1) < 0 && errno != EINTR) fail("cannot wait: %s", reason(errno));
        if (ready[1].revents != 0) pass_on(born, signals);
        if (ready[2].revents != 0 && copy(born->terminal, STDOUT_FILENO) < 0) ready[2].fd = -1;
        if (ready[3].revents != 0 && copy(STDIN_FILENO, born->terminal) < 0) ready[3].fd = -1;
        if (ready[4].revents != 0) take_word(word);
        ready[4].fd = word->socket;
    }
    if (ready[2].fd >= 0) copy_rest(born->terminal);
    return exit_status(born->pidfd);
}
