// The processes of a group and of the groups below it.
#pragma once
#include <sys/types.h>
#include <vector>

#include "../core/group.h"

// Lists them. Leaves out what is more than 100 groups deep. Blocks.
std::vector<pid_t> processes_of(const Group &group);

// Sends a signal to each of them, also to most of those that are made meanwhile. Blocks.
void signal_processes_of(const Group &group, int signal);
