#include "control.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

#include "../core/pidfd.h"

namespace {

constexpr int kLookMs = 50;

// Reads up to `length` bytes and the descriptor that comes with them, if there is one.
ssize_t receive(int control, void *bytes, size_t length, Fd *passed) {
    iovec part = {bytes, length};
    union {
        cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = rights.bytes;
    message.msg_controllen = sizeof rights.bytes;
    ssize_t n = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    cmsghdr *right = n < 0 ? nullptr : CMSG_FIRSTHDR(&message);
    if (right != nullptr && right->cmsg_level == SOL_SOCKET && right->cmsg_type == SCM_RIGHTS) {
        int fd;
        memcpy(&fd, CMSG_DATA(right), sizeof fd);
        passed->reset(fd);
    }
    return n;
}

// Whether somebody has stopped the process, also where it runs again.
bool was_stopped(const Fd &helper) {
    siginfo_t info = {};
    return wait_for(helper, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid != 0;
}

// Gives whether there is something to read, or the end of the stream.
bool wait_readable(int control, const Fd &helper, int timeout_ms) {
    pollfd readable = {control, POLLIN, 0};
    for (int left = timeout_ms; left > 0; left -= kLookMs) {
        int ready = poll(&readable, 1, kLookMs < left ? kLookMs : left);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
        if (was_stopped(helper)) break;
    }
    return poll(&readable, 1, 0) > 0; // the workload may have stopped itself after the exec
}

ReportOutcome receive_report(int control, boot_report *report, Fd *terminal, const Fd &helper, int timeout_ms) {
    size_t done = 0;
    while (done < sizeof *report) {
        if (!wait_readable(control, helper, timeout_ms)) return ReportOutcome::kTimeout;
        ssize_t n = receive(control, reinterpret_cast<char *>(report) + done, sizeof *report - done, terminal);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return ReportOutcome::kEnd; // also ECONNRESET: it died before it had read everything
        done += static_cast<size_t>(n);
    }
    return report->kind == BOOT_FAILED ? ReportOutcome::kFailed : ReportOutcome::kReady;
}

} // namespace

bool send_all(int fd, const void *bytes, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = send(fd, static_cast<const char *>(bytes) + done, length - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) done += static_cast<size_t>(n);
    }
    return true;
}

ReportOutcome await_report(int control, boot_report *report, Fd *terminal, const Fd &helper, int timeout_ms) {
    for (;;) {
        ReportOutcome outcome = receive_report(control, report, terminal, helper, timeout_ms);
        if (outcome != ReportOutcome::kReady || report->kind != BOOT_TERMINAL) return outcome;
    }
}
