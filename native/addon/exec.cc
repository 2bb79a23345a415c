#include "exec.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../core/pidfd.h"
#include "control.h"
#include "exec_group.h"
#include "pid_namespace.h"
#include "program_image.h"

namespace {

constexpr int kExecTimeoutMs = 10'000; // the helper may be slow: it runs within the limits of the container's group
constexpr uint32_t kNoStep = UINT32_MAX;

int set_nonblocking(const Fd &fd) {
    int flags = fcntl(fd.get(), F_GETFL);
    return flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int make_output(const ExecRequest &request, Fd *theirs, Fd *ours) {
    if (request.output) return make_pipe(ours, theirs, 1);
    theirs->reset(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return theirs->valid() ? 0 : -errno;
}

// Makes the standard streams: `theirs` are the ends of the process, `ours` the other ends.
int make_streams(const ExecRequest &request, Fd *theirs, Fd *ours) {
    theirs[0].reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    int error = theirs[0].valid() ? 0 : -errno;
    if (error == 0 && request.input) error = make_pipe(&theirs[0], &ours[0], 2);
    for (int i = 1; error == 0 && i < 3; i++) error = make_output(request, &theirs[i], &ours[i]);
    for (int i = 0; error == 0 && i < 3; i++)
        if (ours[i].valid() && fchown(theirs[i].get(), request.uid, request.gid) < 0) error = -errno;
    return error;
}

int clone_into(const ExecRequest &request, const Fd &control, const Fd *streams, Executed *executed) {
    Fd image;
    int error = request.image.empty() ? 0 : load_program(request.image.c_str(), &image);
    if (error < 0) return error;
    Fd group = open_exec_group(*request.container);
    if (!group.valid()) return -errno;
    PidNamespaceGuard guard;
    error = guard.join(request.container->pidfd.get());
    if (error < 0) return error;
    CloneRequest clone;
    clone.container = request.container->pidfd.get();
    clone.cgroup = group.get();
    clone.helper = request.helper;
    clone.image = image.get();
    clone.control = control.get();
    for (int i = 0; i < 3; i++) clone.stdio[i] = streams[i].get();
    int pidfd = -1;
    executed->pid = clone_helper(clone, &pidfd);
    executed->pidfd.reset(pidfd);
    return executed->pid < 0 ? executed->pid : 0;
}

ExecEnd reap_process(const Fd &pidfd) {
    siginfo_t info = {};
    ExecEnd end;
    if (wait_for(pidfd, &info, WEXITED) < 0) return end;
    (info.si_code == CLD_EXITED ? end.code : end.signal) = info.si_status;
    return end;
}

Failure boot(const Fd &control, const ExecRequest &request, Executed *executed) {
    boot_report report;
    (void)send_all(control.get(), request.program.data(), request.program.size()); // if this fails, the report says why
    switch (await_report(control.get(), &report, &executed->terminal, executed->pidfd, kExecTimeoutMs)) {
    case ReportOutcome::kEnd:
        return {}; // it has executed; or it was killed, and execEnded() gives the signal
    case ReportOutcome::kFailed:
        return {Failure::kBoot, report.step, report.error, 0};
    default:
        return {Failure::kBoot, kNoStep, ETIMEDOUT, 0};
    }
}

} // namespace

Fd copy_of(const Fd &fd) {
    return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

int make_pipe(Fd *reading, Fd *writing, int nonblocking) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    reading->reset(ends[0]);
    writing->reset(ends[1]);
    int error = (nonblocking & 1) != 0 ? set_nonblocking(*reading) : 0;
    return error == 0 && (nonblocking & 2) != 0 ? set_nonblocking(*writing) : error;
}

int set_terminal_size(const Fd &terminal, unsigned short rows, unsigned short columns) {
    winsize size = {rows, columns, 0, 0};
    if (!terminal.valid()) return -ENOTTY;
    return ioctl(terminal.get(), TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

Executed exec_in_container(const ExecRequest &request) {
    Executed executed;
    int control[2];
    Fd theirs[3], helper_side;
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ? -errno : 0;
    Fd ours(error == 0 ? control[0] : -1);
    helper_side.reset(error == 0 ? control[1] : -1);
    if (error == 0) error = make_streams(request, theirs, executed.streams);
    if (error == 0) error = clone_into(request, helper_side, theirs, &executed);
    if (error < 0) {
        executed.failure = {Failure::kClone, 0, -error, 0};
        return executed;
    }
    helper_side.reset();
    executed.failure = boot(ours, request, &executed);
    if (executed.terminal.valid()) (void)set_nonblocking(executed.terminal);
    if (!executed.failure.failed()) return executed;
    signal_process(executed.pidfd, SIGKILL);
    reap_process(executed.pidfd);
    return executed;
}

int Execs::start() {
    return loop_.start([this](uint64_t key, uint32_t) { reap(static_cast<uint32_t>(key)); });
}

Execs::~Execs() {
    loop_.stop();
}

uint32_t Execs::add(Fd pidfd, Fd terminal, uint64_t input) {
    std::lock_guard<std::mutex> lock(mutex_);
    uint32_t handle = next_handle_++;
    Entry &entry = entries_[handle];
    entry.pidfd = std::move(pidfd);
    entry.terminal = std::move(terminal);
    entry.input = input;
    loop_.control(EPOLL_CTL_ADD, entry.pidfd.get(), handle, EPOLLIN);
    return handle;
}

void Execs::reap(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end() || found->second.ended) return;
    Entry &entry = found->second;
    entry.end = reap_process(entry.pidfd);
    entry.ended = true;
    entry.pidfd.reset();
    entry.terminal.reset();
    if (!entry.done) return;
    entry.done(entry.end);
    entries_.erase(found);
}

void Execs::await(uint32_t handle, std::function<void(ExecEnd)> done) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found != entries_.end() && !found->second.ended) {
        found->second.done = std::move(done);
        return;
    }
    done(found == entries_.end() ? ExecEnd{} : found->second.end);
    if (found != entries_.end()) entries_.erase(found);
}

int Execs::signal(uint32_t handle, int signal_number) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end() || found->second.ended) return -ESRCH;
    return signal_process(found->second.pidfd, signal_number) < 0 ? -errno : 0;
}

int Execs::resize(uint32_t handle, unsigned short rows, unsigned short columns) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    return found == entries_.end() ? -ESRCH : set_terminal_size(found->second.terminal, rows, columns);
}

uint64_t Execs::hang_up(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return 0;
    found->second.terminal.reset();
    return found->second.input;
}
