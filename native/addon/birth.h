// Containers whose first process another program makes, below itself: niwad prepares the group, the program clones into
// it, and niwad takes the process over.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "spawn.h"

// A group that waits for its first process, and what the program needs to make it.
struct Birthplace {
    std::shared_ptr<Container> container;
    Fd group; // its directory, for CLONE_INTO_CGROUP
    UserNamespaces namespaces;
    Failure failure;
};

// Makes the group of a container with its limits and its device filter, and its user namespaces. On failure everything
// is undone. Blocks.
Birthplace prepare_birth(const SpawnRequest &request);

// Takes the process behind `pidfd`, which waits for its start on the other end of `control`. It has to be in the group
// of the container. Sets the limits that would have slowed it down, and with `gives_group` gives the group to the user
// of the process. Gives the failure; the caller then undoes the container.
Failure take_born(Container &container, Fd pidfd, Fd control, const std::vector<GroupWrite> &late_writes,
                  bool gives_group);
