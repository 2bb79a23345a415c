// Calls on a process by its pidfd.
#pragma once
#include <csignal>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fd.h"

#ifndef P_PIDFD // in the kernel since Linux 5.4, in glibc since 2.36
#define P_PIDFD 3
#endif

// Opens the process that has this pid now, see pidfd_open(2).
inline Fd open_pidfd(pid_t pid) {
    return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

// pidfd_send_signal(2): gives 0, or -1 with errno.
inline long signal_process(const Fd &pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
}

// Whether the process has ended, also where nobody has reaped it yet.
inline bool has_ended(const Fd &pidfd) {
    pollfd ended = {pidfd.get(), POLLIN, 0};
    return poll(&ended, 1, 0) > 0;
}

// waitid(2): gives 0, or -1 with errno.
inline int wait_for(const Fd &pidfd, siginfo_t *info, int options) {
    return waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd.get()), info, options);
}

// Whether it is a child of this process that nobody has reaped: until then its pid is its own.
inline bool is_our_child(const Fd &pidfd) {
    siginfo_t info;
    return wait_for(pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}
