#include "birth.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>

#include "crash_point.h"
#include "exec.h"

namespace {

// The pid behind a pidfd, by pidfd_open(2). Gives -ESRCH where the process has ended, or is in no PID namespace of
// ours.
int pid_of(const Fd &pidfd) {
    char path[48], text[512];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd.get());
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
    if (n < 0) return -errno;
    text[n] = 0;
    const char *line = strstr(text, "\nPid:");
    int pid = line == nullptr ? -1 : atoi(line + 5);
    return pid > 0 ? pid : -ESRCH;
}

// Whether a process is directly in the group.
bool is_in(const Group &group, int pid) {
    Fd file = group.open_file("cgroup.procs");
    FILE *lines = file.valid() ? fdopen(file.release(), "r") : nullptr;
    bool found = false;
    for (int each; lines != nullptr && !found && fscanf(lines, "%d", &each) == 1;) found = each == pid;
    if (lines != nullptr) fclose(lines);
    return found;
}

// Gives the group to the user of the process, as the host sees that user. Gives 0 or a negative errno.
int give_group(const Container &container) {
    char path[32], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", container.life.pid);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    FILE *lines = file.valid() ? fdopen(file.release(), "r") : nullptr;
    if (lines == nullptr) return -errno;
    uid_t user;
    bool found = false;
    while (!found && fgets(line, sizeof line, lines) != nullptr) found = sscanf(line, "Uid: %*u %u", &user) == 1;
    fclose(lines);
    // the process was there until now, so the pid is its own
    return found && pid_of(container.pidfd) == container.life.pid ? container.group.give_to(user) : -ESRCH;
}

} // namespace

Birthplace prepare_birth(const SpawnRequest &request) {
    Birthplace place;
    place.container = std::make_shared<Container>();
    Container &container = *place.container;
    container.handle = request.handle;
    container.path = request.cgroup;
    snprintf(container.life.id, kIdBytes, "%s", request.id.c_str());
    uint32_t step = 0;
    int error = container.group.create(request.cgroup, request.id, request.common->writes, &step);
    if (error < 0) {
        place.failure = {Failure::kGroup, step, -error, 0};
        return place;
    }
    crash_point("group-limited");
    if (request.common->filter_devices) error = filter_devices(container.group.dir(), request.common->devices);
    if (error < 0) place.failure = {Failure::kDevices, 0, -error, 0};
    if (error == 0) error = container.statistics.open(container.group);
    if (error == 0) {
        place.group.reset(fcntl(container.group.dir(), F_DUPFD_CLOEXEC, 3));
        if (!place.group.valid()) error = -errno;
    }
    if (error < 0 && !place.failure.failed()) place.failure = {Failure::kGroup, 0, -error, 0};
    if (!place.failure.failed()) place.failure = make_user_namespaces(request, &place.namespaces);
    if (place.failure.failed()) undo_container(container);
    return place;
}

Failure take_born(Container &container, Fd pidfd, Fd control, const std::vector<GroupWrite> &late_writes,
                  bool gives_group) {
    int pid = pid_of(pidfd);
    if (pid < 0) return {Failure::kClone, 0, -pid, 0};
    if (!is_in(container.group, pid)) return {Failure::kClone, 0, ESRCH, 0};
    container.life.pid = pid;
    container.pidfd = std::move(pidfd);
    container.control = std::move(control);
    for (const auto &[file, value] : late_writes) {
        int error = container.group.write(file.c_str(), value.c_str());
        if (error < 0) return {Failure::kGroup, 0, -error, 0};
    }
    int error = gives_group ? give_group(container) : 0;
    if (error < 0) return {Failure::kGroup, 0, -error, 0};
    return {};
}
