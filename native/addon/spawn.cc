#include "spawn.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../boot/report.h"
#include "clone.h"
#include "pidfd.h"

namespace {

constexpr int kBootTimeoutMs = 60'000; // a mount of a network file system may hang for ever
constexpr int kEmptyTimeoutMs = 10'000;
constexpr uint32_t kNoStep = UINT32_MAX; // the helper ended, or stood still, without naming a step

bool send_all(int fd, const void *bytes, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = send(fd, static_cast<const char *>(bytes) + done, length - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) done += static_cast<size_t>(n);
    }
    return true;
}

enum class Heard { kReady, kFailed, kEnd, kTimeout };

// Reads what the helper says next.
Heard hear(int control, boot_report *report) {
    size_t done = 0;
    while (done < sizeof *report) {
        pollfd readable = {control, POLLIN, 0};
        int ready = poll(&readable, 1, kBootTimeoutMs);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return Heard::kTimeout;
        ssize_t n = read(control, reinterpret_cast<char *>(report) + done, sizeof *report - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Heard::kEnd; // also ECONNRESET: it died with something unread
        done += static_cast<size_t>(n);
    }
    return report->kind == BOOT_READY ? Heard::kReady : Heard::kFailed;
}

// Waits for the end of a process, but not for ever: one that waits for a dead disk cannot even be killed.
bool await_end(const Container &container) {
    pollfd ended = {container.pidfd.get(), POLLIN, 0};
    int ready;
    do ready = poll(&ended, 1, kEmptyTimeoutMs);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

// The helper is gone without a word: the kernel can tell the signal. It is left to be reaped.
Failure silent_death(const Container &container) {
    siginfo_t info = {};
    if (await_end(container)) wait_for(container.pidfd, &info, WEXITED | WNOWAIT | WNOHANG);
    bool signalled = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    return {Failure::kBoot, kNoStep, EIO, signalled ? info.si_status : 0};
}

// A thread's children are born in the PID namespace that it has joined; it goes back to its own at the end.
class PidNamespaceGuard {
  public:
    int join(const std::string &path) {
        if (path.empty()) return 0;
        Fd target(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        own_.reset(open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC));
        if (!target.valid() || !own_.valid() || setns(target.get(), CLONE_NEWPID) < 0) return -errno;
        return 0;
    }
    ~PidNamespaceGuard() {
        if (own_.valid()) setns(own_.get(), CLONE_NEWPID);
    }

  private:
    Fd own_;
};

// The container itself holds a reading end of what it writes to: it gets no SIGPIPE and what it wrote stays when we
// die.
int make_fifo(const std::string &path, const SpawnRequest &request, Fd *fifo) {
    if (mkfifo(path.c_str(), 0600) < 0) return -errno;
    fifo->reset(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!fifo->valid() || fchown(fifo->get(), request.stdio_uid, request.stdio_gid) < 0) return -errno;
    return 0;
}

// Clones the helper with its control socket and standard streams.
int clone_container(const SpawnRequest &request, const Fd &userns, Spawned *spawned) {
    int control[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) return -errno;
    Fd ours(control[0]), theirs(control[1]);
    Fd out, err;
    int error = make_fifo(request.stdout_path, request, &out);
    if (error == 0) error = make_fifo(request.stderr_path, request, &err);
    if (error < 0) return error;
    Fd null_device(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null_device.valid()) return -errno;

    PidNamespaceGuard guard;
    error = guard.join(request.pid_namespace);
    if (error < 0) return error;

    CloneRequest clone;
    clone.userns = userns.get();
    clone.netns = request.netns;
    clone.namespaces = request.namespaces;
    clone.cgroup = spawned->container->group.dir();
    clone.helper = request.helper;
    clone.control = theirs.get();
    clone.stdio[0] = null_device.get();
    clone.stdio[1] = out.get();
    clone.stdio[2] = err.get();
    int pidfd = -1;
    pid_t pid = clone_helper(clone, &pidfd);
    if (pid < 0) return pid;

    spawned->container->life.pid = pid;
    spawned->container->pidfd.reset(pidfd);
    spawned->container->control = std::move(ours);
    return 0;
}

Failure boot(Container &container, const std::vector<uint8_t> &program) {
    boot_report report;
    bool sent = send_all(container.control.get(), program.data(), program.size());
    int error = container.statistics.open(container.group); // while the helper works
    if (error < 0) return {Failure::kGroup, 0, -error, 0};
    switch (hear(container.control.get(), &report)) {
    case Heard::kReady:
        return {};
    case Heard::kFailed:
        return {Failure::kBoot, report.step, report.error, 0};
    case Heard::kTimeout:
        return {Failure::kBoot, kNoStep, ETIMEDOUT, 0};
    case Heard::kEnd:
        break;
    }
    return sent ? silent_death(container) : Failure{Failure::kBoot, kNoStep, EPIPE, 0};
}

// Gives the time since `lap`, which is now from now on.
uint64_t take_lap(uint64_t *lap) {
    uint64_t before = *lap;
    *lap = boottime_ns();
    return *lap - before;
}

// Puts the process into a group that is made.
Failure populate(const SpawnRequest &request, Spawned *spawned) {
    Container &container = *spawned->container;
    uint64_t lap = boottime_ns();
    int error = request.filter_devices ? filter_devices(container.group.dir(), request.devices) : 0;
    spawned->phases.devices = take_lap(&lap);
    if (error < 0) return {Failure::kDevices, 0, -error, 0};
    Fd userns;
    if (!request.uid_map.empty()) {
        int fd = make_user_namespace(request.uid_map.c_str(), request.gid_map.c_str());
        if (fd < 0) return {Failure::kUserns, 0, -fd, 0};
        userns.reset(fd);
    }
    spawned->phases.userns = take_lap(&lap);
    error = clone_container(request, userns, spawned);
    spawned->phases.clone = take_lap(&lap);
    if (error < 0) return {Failure::kClone, 0, -error, 0};
    Failure failure = boot(container, request.program);
    spawned->phases.boot = take_lap(&lap);
    return failure;
}

} // namespace

void undo_container(Container &container) {
    container.group.kill();
    if (container.pidfd.valid() && await_end(container)) {
        siginfo_t info;
        wait_for(container.pidfd, &info, WEXITED | WNOHANG);
    }
    container.group.wait_event("populated", false, kEmptyTimeoutMs);
    rmdir(container.path.c_str());
}

Spawned create_container(const SpawnRequest &request) {
    Spawned spawned;
    spawned.container = std::make_shared<Container>();
    Container &container = *spawned.container;
    container.path = request.cgroup;
    snprintf(container.life.id, kIdBytes, "%s", request.id.c_str());

    uint32_t step = 0;
    uint64_t lap = boottime_ns();
    int error = container.group.create(request.cgroup, request.writes, &step);
    if (error < 0) {
        spawned.failure = {Failure::kGroup, step, -error, 0};
        return spawned;
    }
    spawned.phases.group = take_lap(&lap);
    spawned.failure = populate(request, &spawned);
    if (spawned.failure.failed()) undo_container(container);
    return spawned;
}

Failure start_container(Container &container) {
    Fd control = std::move(container.control);
    boot_report report;
    if (!send_all(control.get(), "s", 1)) return silent_death(container);
    switch (hear(control.get(), &report)) {
    case Heard::kEnd:
        return {};
    case Heard::kTimeout:
        container.group.kill();
        return {Failure::kBoot, kNoStep, ETIMEDOUT, 0};
    default:
        return {Failure::kBoot, report.step, report.error, 0};
    }
}
