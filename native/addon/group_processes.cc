#include "group_processes.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <set>

#include "../core/pidfd.h"

namespace {

constexpr int kDeepest = 100;  // a container may make groups itself, and each level needs a descriptor of niwad
constexpr size_t kAtOnce = 64; // each needs a descriptor, too
constexpr int kRounds = 10;

template <typename Stream> using Owned = std::unique_ptr<Stream, int (*)(Stream *)>;

void read_pids(int directory, std::vector<pid_t> *pids) {
    Owned<FILE> lines(nullptr, fclose);
    Fd file(openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
    if (file.valid()) lines.reset(fdopen(file.release(), "r"));
    for (int pid; lines && fscanf(lines.get(), "%d", &pid) == 1;) pids->push_back(pid);
}

// A group that is removed meanwhile has no processes.
void collect(Fd directory, int levels, std::vector<pid_t> *pids) {
    if (!directory.valid() || levels == 0) return;
    read_pids(directory.get(), pids);
    Owned<DIR> entries(fdopendir(directory.release()), closedir);
    if (!entries) return;
    while (const dirent *entry = readdir(entries.get())) {
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        collect(Fd(openat(dirfd(entries.get()), entry->d_name, flags)), levels - 1, pids);
    }
}

// A pid may have gone to another process since it was listed. Where the group has it again after its pidfd was opened,
// and the process lives, the pidfd is that of the process in the group.
void signal_each(const Group &group, int signal, const std::vector<pid_t> &pids) {
    std::vector<Fd> processes;
    for (pid_t pid : pids) processes.push_back(open_pidfd(pid));
    std::vector<pid_t> now = processes_of(group);
    for (size_t i = 0; i < pids.size(); i++) {
        bool is_there = processes[i].valid() && std::find(now.begin(), now.end(), pids[i]) != now.end();
        if (is_there) signal_process(processes[i], signal);
    }
}

} // namespace

std::vector<pid_t> processes_of(const Group &group) {
    std::vector<pid_t> pids;
    collect(group.open_file("."), kDeepest, &pids);
    return pids;
}

void signal_processes_of(const Group &group, int signal) {
    std::set<pid_t> signalled;
    for (int round = 0; round < kRounds; round++) {
        std::vector<pid_t> fresh;
        for (pid_t pid : processes_of(group))
            if (signalled.insert(pid).second) fresh.push_back(pid);
        if (fresh.empty()) return;
        for (size_t at = 0; at < fresh.size(); at += kAtOnce) {
            auto end = fresh.begin() + static_cast<std::ptrdiff_t>(std::min(fresh.size(), at + kAtOnce));
            signal_each(group, signal, {fresh.begin() + static_cast<std::ptrdiff_t>(at), end});
        }
    }
}
