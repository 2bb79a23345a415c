#include "exec_group.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

namespace {

// Whether the group gives controllers to the groups below it: then it may have no processes itself, see "no internal
// processes" in cgroups(7).
bool is_divided(const Group &group) {
    char first;
    Fd file = group.open_file("cgroup.subtree_control");
    return file.valid() && read(file.get(), &first, 1) == 1 && first != '\n';
}

// Gives the path of a process's group below the one of its container, from the text of /proc/PID/cgroup; "" for that
// one itself. The text may have another beginning than the path of the container's group.
std::string path_below(const char *groups, const std::string &container) {
    const char *line = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
    const char *path = line == nullptr ? nullptr : strchr(line, '/');
    if (path == nullptr) return "";
    std::string group(path, strcspn(path, "\n"));
    for (size_t end = group.size(); end != std::string::npos && end > 0; end = group.rfind('/', end - 1)) {
        bool is_container =
            end <= container.size() && container.compare(container.size() - end, end, group, 0, end) == 0;
        if (is_container) return end < group.size() ? group.substr(end + 1) : "";
    }
    return "";
}

} // namespace

Fd open_exec_group(const Container &container, std::string below) {
    char groups[4096];
    if (below.empty() && is_divided(container.group) &&
        read_proc(container.life.pid, "cgroup", groups, sizeof groups) == 0)
        below = path_below(groups, container.path);
    struct open_how how = {};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const char *path = below.empty() ? "." : below.c_str();
    return Fd(static_cast<int>(syscall(SYS_openat2, container.group.dir(), path, &how, sizeof how)));
}
