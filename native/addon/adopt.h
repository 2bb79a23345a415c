// Takes over a container that an earlier niwad started.
#pragma once
#include <memory>
#include <string>

#include "../core/container.h"
#include "keeper_link.h"

struct AdoptRequest {
    uint32_t handle = 0;
    std::string cgroup; // path of its group
    Life life;          // from niwad's saved state; used where the keeper does not have the container
    uint64_t start_ticks = 0;
    bool holds_mounts = false;            // whether its mount namespace is held over its exit
    std::string stdout_path, stderr_path; // of its FIFOs; "" where it has none
};

// A container that is being taken over.
struct Adoption {
    std::shared_ptr<Container> container;
    int error = 0;         // of adopt_container()
    bool was_kept = false; // by the keeper
    bool frozen = false;
};

// Takes a container from the keeper, or makes it from what is saved, and opens what niwad needs of it. Any thread may
// call it.
Adoption prepare_adoption(KeeperLink &keeper, const AdoptRequest &request);

// Whether somebody has seen the end of a container that is prepared, or it has not ended until now. To be asked before
// the monitor has the container.
bool is_end_known(const Adoption &adoption);

// Completes `kept`, the container that the keeper had; or makes one from the saved state, where `kept` is null. In the
// second case it opens a pidfd only if the process is that of the saved state: its start time is `start_ticks` (field
// 22 of /proc/PID/stat) and it is in the group. If not, the process has ended, and the container has no pidfd. Gives 0,
// or a negative errno where the group does not exist, or where one cannot tell whether the process lives.
int adopt_container(const AdoptRequest &request, std::shared_ptr<Container> *kept);
