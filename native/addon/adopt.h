// Takes over a container that an earlier niwad started.
#pragma once
#include <memory>
#include <string>

#include "../core/container.h"

struct AdoptRequest {
    std::string cgroup; // path of its group
    Life life;          // from niwad's saved state; used where the keeper does not have the container
    uint64_t start_ticks = 0;
    bool holds_mounts = false; // whether its mount namespace is held over its exit
};

// Completes `kept`, the container that the keeper had; or makes one from the saved state, where `kept` is null. In the
// second case it opens a pidfd only if the process is that of the saved state: its start time is `start_ticks` (field
// 22 of /proc/PID/stat) and it is in the group. If not, the process has ended, and the container has no pidfd. Gives 0,
// or a negative errno where the group does not exist, or where one cannot tell whether the process lives.
int adopt_container(const AdoptRequest &request, std::shared_ptr<Container> *kept);
