// What niwad and the keeper hold of one container.
#pragma once
#include <cstdint>
#include <string>
#include <sys/types.h>

#include "fd.h"
#include "group.h"
#include "life.h"
#include "sample.h"

struct Container {
    uint32_t handle = 0; // its name towards JavaScript
    std::string path;    // of its group
    Group group;
    Statistics statistics;
    Life life; // guarded by the monitor that watches it
    Fd pidfd;
    Fd control;  // to niwa-boot, until the workload is executed
    Fd terminal; // the master side, where it has one
    // The FIFOs of its output, until its log is open: the kernel throws away what is in a FIFO that nobody has open,
    // and the workload may end before.
    Fd output[2];
};
