#include "adopt.h"
#include "pidfd.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>

namespace {

bool read_proc(pid_t pid, const char *name, char *text, size_t bytes) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), text, bytes - 1) : -1;
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

// The name of the program, in parentheses, may hold anything: the fields are counted from its end.
uint64_t start_ticks_of(pid_t pid) {
    char text[1024];
    if (!read_proc(pid, "stat", text, sizeof text)) return 0;
    const char *field = strrchr(text, ')');
    for (int i = 2; i < 22 && field != nullptr; i++) field = strchr(field + 1, ' ');
    return field == nullptr ? 0 : strtoull(field, nullptr, 10);
}

// The last part of a group's path is the container's id, and its own cgroup namespace does not change what we see.
bool is_in_group(pid_t pid, const std::string &cgroup) {
    char text[4096];
    if (!read_proc(pid, "cgroup", text, sizeof text)) return false;
    const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (line == nullptr) return false;
    const char *path = strchr(line, '/');
    if (path == nullptr) return false;
    std::string group(path, strcspn(path, "\n"));
    size_t last = cgroup.rfind("/containers/");
    if (last == std::string::npos) return false;
    std::string name = cgroup.substr(last);
    size_t place = group.rfind(name); // it may be in a group below
    return place != std::string::npos && (place + name.size() == group.size() || group[place + name.size()] == '/');
}

Fd open_process(const AdoptRequest &request) {
    pid_t pid = request.life.pid;
    Fd pidfd = pid > 0 ? open_pidfd(pid) : Fd();
    // Looked at through the pid only while we hold the pidfd, so it cannot have become another process unseen.
    bool same = pidfd.valid() && start_ticks_of(pid) == request.start_ticks && is_in_group(pid, request.cgroup);
    return same ? std::move(pidfd) : Fd();
}

} // namespace

int adopt_container(const AdoptRequest &request, std::shared_ptr<Container> *kept) {
    if (!*kept) {
        *kept = std::make_shared<Container>();
        (*kept)->life = request.life;
        (*kept)->pidfd = open_process(request);
    }
    Container &container = **kept;
    container.path = request.cgroup;
    int error = container.group.open(request.cgroup);
    return error < 0 ? error : container.statistics.open(container.group);
}
