// Takes over a container that an earlier niwad started.
#pragma once
#include <memory>
#include <string>

#include "../core/container.h"

struct AdoptRequest {
    std::string cgroup; // path of its group
    Life life;          // as niwad's own record has it; of use where the keeper has none
    uint64_t start_ticks = 0;
};

// Makes `kept`, what the keeper had of it, whole; or without that, a container from the record. The process is taken by
// a pidfd only where it is the one of the record: born at `start_ticks` (field 22 of /proc/PID/stat) and in the group.
// Otherwise it has ended, and the container has no pidfd. Gives 0, or a negative errno where there is no such group, or
// nobody can say whether the process lives.
int adopt_container(const AdoptRequest &request, std::shared_ptr<Container> *kept);
