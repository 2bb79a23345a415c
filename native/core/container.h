// One container, as niwad and the keeper have it.
#pragma once
#include <cstdint>
#include <string>
#include <sys/types.h>

#include "fd.h"
#include "group.h"
#include "life.h"
#include "sample.h"

struct Container {
    uint32_t handle = 0; // the number that JavaScript, or the keeper, names it by
    std::string path;    // of its group
    Group group;
    Statistics statistics;
    Life life; // guarded by the monitor that watches it
    Fd pidfd;
    // Its mount namespace, held over its exit so that the exit does not wait for the end of the mounts. Nothing where
    // that end may take long.
    Fd mounts;
    Fd control;  // to niwa-boot, until the workload is executed
    Fd terminal; // the master side, where it has one
    Fd input;    // the writing end of its standard input, until a client takes it; guarded by the KeeperLink
    // The FIFOs of its output, held open until its log is open. The kernel throws away what is in a FIFO once nobody
    // has it open, and the workload may end before its log is open.
    Fd output[2];
    Fd log_fifos[2]; // the same, opened for its log, of a container that is being taken over
};
