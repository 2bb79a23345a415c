#include "spawn.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <sys/socket.h>

#include "../core/clock.h"
#include "../core/image.h"
#include "../core/pidfd.h"
#include "container_files.h"
#include "control.h"
#include "mount_closer.h"
#include "network_namespace.h"
#include "pid_namespace.h"
#include "proc.h"

namespace {

constexpr int kBootTimeoutMs = 15'000; // a path may hang for ever, though it did not when niwa-reach checked it
constexpr int kEmptyTimeoutMs = 5'000;
constexpr char kStart[] = {'s'};         // the helper waits for this byte
constexpr uint32_t kNoStep = UINT32_MAX; // the helper ended or hung, and reported no step

// Waits until a process has ended, up to kEmptyTimeoutMs: one that waits for a dead disk cannot be killed.
bool await_end(const Container &container) {
    pollfd ended = {container.pidfd.get(), POLLIN, 0};
    int ready;
    do ready = poll(&ended, 1, kEmptyTimeoutMs);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

// The helper has ended without a report. The kernel knows the signal that ended it. Does not reap it.
Failure failure_without_report(const Container &container) {
    siginfo_t info = {};
    if (await_end(container)) wait_for(container.pidfd, &info, WEXITED | WNOWAIT | WNOHANG);
    bool signalled = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    return {Failure::kBoot, kNoStep, EIO, signalled ? info.si_status : 0};
}

// Children that were killed and have not ended yet: each stays a zombie until we wait for it.
class HungChildren {
  public:
    void add(Fd pidfd) {
        std::lock_guard<std::mutex> hold(mutex_);
        pidfds_.push_back(std::move(pidfd));
    }

    void reap() {
        std::lock_guard<std::mutex> hold(mutex_);
        auto is_gone = [](const Fd &pidfd) {
            siginfo_t info = {};
            return wait_for(pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid != 0;
        };
        pidfds_.erase(std::remove_if(pidfds_.begin(), pidfds_.end(), is_gone), pidfds_.end());
    }

  private:
    std::mutex mutex_;
    std::vector<Fd> pidfds_;
};

HungChildren hung_children;

// What the helper inherits beside its standard streams and its control socket.
struct HelperFds {
    UserNamespaces namespaces;
    Fd image;
};

// Clones the helper with its control socket and standard streams.
int clone_container(const SpawnRequest &request, const HelperFds &fds, Streams streams, Spawned *spawned) {
    int control[2], error = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) return -errno;
    Fd ours(control[0]), theirs(control[1]);

    PidNamespaceGuard guard;
    if (!request.common->pid_namespace.empty()) {
        Fd target(open(request.common->pid_namespace.c_str(), O_RDONLY | O_CLOEXEC));
        error = target.valid() ? guard.join(target.get()) : -errno;
        if (error < 0) return error;
    }
    NetworkNamespaceGuard network;
    if (request.network_of) error = network.enter(request.network_of->pidfd);
    if (error < 0) return error;

    CloneRequest clone;
    clone.container = fds.namespaces.own.get();
    clone.image = fds.image.get();
    for (const Fd &fd : fds.namespaces.of_mounts) clone.mount_userns[clone.mount_userns_count++] = fd.get();
    clone.netns = request.netns;
    clone.namespaces = request.common->namespaces;
    clone.cgroup = spawned->container->group.dir();
    clone.helper = request.helper;
    clone.control = theirs.get();
    clone.stdio[0] = streams.in.get();
    clone.stdio[1] = streams.output[0].get();
    clone.stdio[2] = streams.output[1].get();
    int pidfd = -1;
    pid_t pid = clone_helper(clone, &pidfd);
    if (pid < 0) return pid;

    spawned->container->life.pid = pid;
    spawned->container->pidfd.reset(pidfd);
    if (request.common->holds_mounts) spawned->container->mounts = open_mounts(spawned->container->pidfd, pid);
    spawned->container->control = std::move(ours);
    spawned->container->input = std::move(streams.feed);
    spawned->container->output[0] = std::move(streams.output[0]);
    spawned->container->output[1] = std::move(streams.output[1]);
    return 0;
}

// Sets the limits that would have slowed the helper down.
Failure write_late(const Container &container, const SpawnRequest &request) {
    uint32_t step = static_cast<uint32_t>(request.common->writes.size());
    for (const auto &[file, value] : request.common->late_writes) {
        step++;
        int error = container.group.write(file.c_str(), value.c_str());
        if (error < 0) return {Failure::kGroup, step, -error, 0};
    }
    return {};
}

Failure boot(const SpawnRequest &request, Spawned *spawned) {
    Container &container = *spawned->container;
    boot_report report;
    int control = container.control.get();
    bool sent = send_all(control, request.program.data(), request.program.size()) &&
                (!request.starts_at_once() || send_all(control, kStart, sizeof kStart));
    // while the helper works:
    spawned->start_ticks = read_start_ticks(container.life.pid);
    int error = container.statistics.open(container.group);
    if (error < 0) return {Failure::kGroup, 0, -error, 0};
    switch (await_report(control, &report, &container.terminal, Fd(), kBootTimeoutMs)) {
    case ReportOutcome::kReady:
        return write_late(container, request);
    case ReportOutcome::kFailed:
        return {Failure::kBoot, report.step, report.error, 0};
    case ReportOutcome::kTimeout:
        return {Failure::kBoot, kNoStep, ETIMEDOUT, 0};
    case ReportOutcome::kEnd:
        break;
    }
    return sent ? failure_without_report(container) : Failure{Failure::kBoot, kNoStep, EPIPE, 0};
}

// Mounts the image of the root. Not done by the helper: the device filter of its group forbids loop devices. If the
// process that mounts hangs, it is put into the group: the group then stays, the container is listed, and counts for
// its caller until the process has ended.
int mount_root(const SpawnRequest &request, const Group &group, Fd *image) {
    pid_t hung = 0;
    int fd = mount_image_apart(request.common->reach, request.common->image, &hung);
    if (hung > 0) {
        group.write("cgroup.procs", std::to_string(hung).c_str());
        hung_children.add(open_pidfd(hung));
    }
    image->reset(fd);
    return fd;
}

// Makes the user namespaces and the mount that the helper inherits.
Failure make_helper_fds(const SpawnRequest &request, const Group &group, HelperFds *fds) {
    Failure failure = make_user_namespaces(request, &fds->namespaces);
    if (failure.failed() || request.common->image.empty()) return failure;
    int error = mount_root(request, group, &fds->image);
    return error < 0 ? Failure{Failure::kImage, 0, -error, 0} : Failure{};
}

// Gives the time since `lap`, and sets `lap` to now.
uint64_t take_lap(uint64_t *lap) {
    uint64_t before = *lap;
    *lap = boottime_ns();
    return *lap - before;
}

// Makes the process, in the group that exists already.
Failure populate(const SpawnRequest &request, Spawned *spawned) {
    Container &container = *spawned->container;
    uint64_t lap = boottime_ns();
    int error = request.common->filter_devices ? filter_devices(container.group.dir(), request.common->devices) : 0;
    spawned->phases.devices = take_lap(&lap);
    if (error < 0) return {Failure::kDevices, 0, -error, 0};
    HelperFds fds;
    Failure failure = make_helper_fds(request, container.group, &fds);
    if (failure.failed()) return failure;
    spawned->phases.userns = take_lap(&lap);
    Streams streams;
    error = make_files(request, &streams);
    if (error < 0) return {Failure::kFiles, 0, -error, 0};
    error = clone_container(request, fds, std::move(streams), spawned);
    spawned->phases.clone = take_lap(&lap);
    if (error < 0) return {Failure::kClone, 0, -error, 0};
    failure = boot(request, spawned);
    spawned->phases.boot = take_lap(&lap);
    return failure;
}

} // namespace

Failure make_user_namespaces(const SpawnRequest &request, UserNamespaces *made) {
    if (!request.uid_map.empty()) {
        made->own.reset(make_user_namespace(request.uid_map.c_str(), request.gid_map.c_str(), request.owner));
        if (!made->own.valid()) return {Failure::kUserns, 0, -made->own.release(), 0};
    }
    uint32_t step = made->own.valid() ? 1 : 0;
    if (request.mount_maps.size() > kMaxMountMaps) return {Failure::kUserns, step, E2BIG, 0};
    for (const auto &[uids, gids] : request.mount_maps) {
        int fd = make_user_namespace(uids.c_str(), gids.c_str(), request.owner);
        if (fd < 0) return {Failure::kUserns, step, -fd, 0};
        made->of_mounts.emplace_back(fd);
        step++;
    }
    return {};
}

void undo_container(Container &container) {
    container.mounts.reset();
    container.group.kill();
    if (container.pidfd.valid()) {
        if (!await_end(container)) { // it hangs in the kernel; its group can be removed when it has ended
            hung_children.add(std::move(container.pidfd));
            return;
        }
        siginfo_t info;
        wait_for(container.pidfd, &info, WEXITED | WNOHANG);
    }
    container.group.wait_event("populated", false, kEmptyTimeoutMs);
    container.group.remove(container.path);
}

Spawned create_container(const SpawnRequest &request) {
    hung_children.reap();
    Spawned spawned;
    spawned.container = std::make_shared<Container>();
    Container &container = *spawned.container;
    container.handle = request.handle;
    container.path = request.cgroup;
    snprintf(container.life.id, kIdBytes, "%s", request.id.c_str());

    uint32_t step = 0;
    uint64_t lap = boottime_ns();
    int error = container.group.create(request.cgroup, "", request.common->writes, &step);
    if (error < 0) {
        spawned.failure = {Failure::kGroup, step, -error, 0};
        return spawned;
    }
    spawned.phases.group = take_lap(&lap);
    spawned.failure = populate(request, &spawned);
    if (spawned.failure.failed()) undo_container(container);
    return spawned;
}

bool send_start(const Container &container) {
    return send_all(container.control.get(), kStart, sizeof kStart);
}

Failure start_container(Container &container, bool already_sent) {
    bool sent = already_sent || send_start(container);
    Fd control = std::move(container.control);
    boot_report report;
    if (!sent) return failure_without_report(container);
    switch (await_report(control.get(), &report, &container.terminal, Fd(), kBootTimeoutMs)) {
    case ReportOutcome::kEnd:
        return {};
    case ReportOutcome::kTimeout:
        container.group.kill();
        return {Failure::kBoot, kNoStep, ETIMEDOUT, 0};
    default:
        return {Failure::kBoot, report.step, report.error, 0};
    }
}
