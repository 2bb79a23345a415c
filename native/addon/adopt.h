// Takes over a container that an earlier niwad started.
#pragma once
#include <memory>
#include <string>
#include <vector>

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
    int error = 0;         // where its group does not exist, or one cannot tell whether the process lives
    bool was_kept = false; // by the keeper
    bool frozen = false;
};

// Takes containers from the keeper, or makes them from what is saved, and opens what niwad needs of them. The keeper
// looks for their exits until all of that is done. To be called by one thread at a time, which may wait for the keeper.
std::vector<Adoption> prepare_adoptions(KeeperLink &keeper, const std::vector<AdoptRequest> &requests);

// Whether somebody has seen the end of a container that is prepared, or it has not ended until now. To be asked before
// the monitor has the container.
bool is_end_known(const Adoption &adoption);
