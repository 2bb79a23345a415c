#include "adopt.h"
#include "../core/pidfd.h"
#include "log_pump.h"
#include "mount_closer.h"
#include "proc.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>

namespace {

bool ends_with(const std::string &text, const std::string &end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Whether the line of cgroup v2 names this group, or one below it. The path there may have another beginning than ours,
// but it contains /containers/ID; for a group elsewhere, the path or its beginning is the end of ours.
bool names_group(const char *groups, const std::string &cgroup) {
    const char *line = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
    if (line == nullptr) return false;
    const char *path = strchr(line, '/');
    if (path == nullptr) return false;
    std::string group(path, strcspn(path, "\n"));
    size_t last = cgroup.rfind("/containers/");
    if (last == std::string::npos) {
        for (size_t end = group.size(); end != std::string::npos && end > 0; end = group.rfind('/', end - 1))
            if (ends_with(cgroup, group.substr(0, end))) return true;
        return false;
    }
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

// Completes `kept`, the container that the keeper had; or makes one from the saved state, where `kept` is null. In the
// second case it opens a pidfd only if the process is that of the saved state: its start time is `start_ticks` (field
// 22 of /proc/PID/stat) and it is in the group. If not, the process has ended, and the container has no pidfd. Gives 0,
// or a negative errno where the group does not exist, or where one cannot tell whether the process lives.
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

Adoption prepare_adoption(KeeperLink &keeper, const AdoptRequest &request) {
    Adoption adoption;
    adoption.container = keeper.claim(request.life.id, request.life.pid);
    adoption.was_kept = adoption.container != nullptr;
    adoption.error = adopt_container(request, &adoption.container);
    if (adoption.error < 0) return adoption;
    Container &container = *adoption.container;
    container.handle = request.handle;
    adoption.frozen = group_event(container.group.open_file("cgroup.events"), "frozen");
    // where this fails, the opening of the log tells why
    if (!request.stdout_path.empty()) (void)open_output_fifo(request.stdout_path, &container.log_fifos[0]);
    if (!request.stderr_path.empty()) (void)open_output_fifo(request.stderr_path, &container.log_fifos[1]);
    return adoption;
}

} // namespace

std::vector<Adoption> prepare_adoptions(KeeperLink &keeper, const std::vector<AdoptRequest> &requests) {
    std::vector<Adoption> adoptions;
    std::vector<std::string> kept;
    for (const AdoptRequest &request : requests) {
        adoptions.push_back(prepare_adoption(keeper, request));
        if (adoptions.back().was_kept) kept.emplace_back(request.life.id);
    }
    std::map<std::string, Life> lives = keeper.take(kept);
    for (Adoption &adoption : adoptions) {
        auto noted = adoption.was_kept ? lives.find(adoption.container->life.id) : lives.end();
        if (noted != lives.end() && noted->second.pid == adoption.container->life.pid)
            adoption.container->life = noted->second;
    }
    return adoptions;
}

bool is_end_known(const Adoption &adoption) {
    const Container &container = *adoption.container;
    if (container.life.exited_ns != 0) return true;
    // If the keeper did not have it and its process is a zombie, nobody knows when it ended.
    return container.pidfd.valid() && (adoption.was_kept || !has_ended(container.pidfd));
}
