// What the addon holds of one container.
#pragma once
#include <cstdint>
#include <string>
#include <sys/types.h>

#include "fd.h"
#include "group.h"
#include "sample.h"

struct Container {
    uint32_t handle = 0; // its name towards JavaScript
    std::string path;    // of its group
    Group group;
    Statistics statistics;
    pid_t pid = -1;
    Fd pidfd;
    Fd control; // to niwa-boot, until the workload is executed
};

// When to end a container, and how: the signal, and after the timeout cgroup.kill.
struct Deadline {
    uint64_t at_ns = 0; // CLOCK_BOOTTIME; 0 for never
    uint32_t cause = 0; // handed back in the events
    int signal = 0;
    uint64_t timeout_ns = 0;
};

// Now on CLOCK_BOOTTIME, which counts on while the machine sleeps and which nobody can set.
uint64_t boottime_ns();
