#include "adopt.h"
#include "../core/pidfd.h"
#include "mount_closer.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>

namespace {

// Reads a file of a process. Gives 0 or a negative errno.
int read_proc(pid_t pid, const char *name, char *text, size_t bytes) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), text, bytes - 1) : -1;
    int error = n < 0 ? -errno : 0;
    text[n > 0 ? n : 0] = 0;
    return error;
}

// The name of the program stands in parentheses and may contain spaces and parentheses: the fields are counted from the
// last parenthesis.
uint64_t start_ticks_of(const char *stat) {
    const char *field = strrchr(stat, ')');
    for (int i = 2; i < 22 && field != nullptr; i++) field = strchr(field + 1, ' ');
    return field == nullptr ? 0 : strtoull(field, nullptr, 10);
}

// Whether the line of cgroup v2 names this group. The path there may have another beginning than ours, but it contains
// /containers/ID.
bool names_group(const char *groups, const std::string &cgroup) {
    const char *line = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
    if (line == nullptr) return false;
    const char *path = strchr(line, '/');
    if (path == nullptr) return false;
    std::string group(path, strcspn(path, "\n"));
    size_t last = cgroup.rfind("/containers/");
    if (last == std::string::npos) return false;
    std::string name = cgroup.substr(last);
    size_t place = group.rfind(name); // the process may be in a group below
    return place != std::string::npos && (place + name.size() == group.size() || group[place + name.size()] == '/');
}

bool has_gone(int error) {
    return error == -ESRCH || error == -ENOENT;
}

// Gives 0; `process` is the pidfd, or closed where the process has ended. Gives a negative errno where one cannot tell:
// a process that lives must not be taken for one that has ended.
int open_process(const AdoptRequest &request, Fd *process) {
    pid_t pid = request.life.pid;
    if (pid <= 0) return 0;
    Fd pidfd = open_pidfd(pid);
    if (!pidfd.valid()) return has_gone(-errno) || errno == EINVAL ? 0 : -errno;
    // Read after the pidfd was opened: if the process ends meanwhile, these files are those of another process, and
    // differ.
    char stat[1024], groups[4096];
    int error = read_proc(pid, "stat", stat, sizeof stat);
    if (error == 0) error = read_proc(pid, "cgroup", groups, sizeof groups);
    if (error < 0) return has_gone(error) ? 0 : error;
    if (start_ticks_of(stat) == request.start_ticks && names_group(groups, request.cgroup)) *process = std::move(pidfd);
    return 0;
}

} // namespace

int adopt_container(const AdoptRequest &request, std::shared_ptr<Container> *kept) {
    if (!*kept) {
        *kept = std::make_shared<Container>();
        (*kept)->life = request.life;
        int error = open_process(request, &(*kept)->pidfd);
        if (error < 0) return error;
    }
    Container &container = **kept;
    container.path = request.cgroup;
    if (request.holds_mounts && container.pidfd.valid())
        container.mounts = open_mounts(container.pidfd, container.life.pid);
    int error = container.group.open(request.cgroup);
    return error < 0 ? error : container.statistics.open(container.group);
}
