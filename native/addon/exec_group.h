// Where a further process of a container is born.
#pragma once
#include <string>

#include "../core/container.h"

// Opens the group for a further process: the one at the path `below` that of the container (`.` for that one itself).
// Where `below` is empty, that of the container; or, where that may have no processes since the container has divided
// it (subtree_control), the one that the first process is in. Gives a descriptor that is not valid, with errno, where
// there is none.
Fd open_exec_group(const Container &container, std::string below = "");
