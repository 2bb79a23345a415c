// The reports of niwa-boot to niwad over the control socket.
#pragma once
#include <stdint.h>

// BOOT_READY: the program has come to its wait; the end of the stream after it means that the workload was executed.
// BOOT_TERMINAL comes with the descriptor of a terminal's master side (SCM_RIGHTS). After BOOT_PAUSED the program goes
// on by one byte. BOOT_BORN comes from a process in whose place another one goes on, see op_be_born(). BOOT_LISTENER
// says which number the listener of a filter will have.
enum boot_report_kind {
    BOOT_READY = 1,
    BOOT_FAILED = 2,
    BOOT_TERMINAL = 3,
    BOOT_PAUSED = 4,
    BOOT_BORN = 5,
    BOOT_LISTENER = 6
};
struct boot_report {
    uint32_t kind;
    uint32_t step; // the index of the operation in the program
    union {
        int32_t error; // for BOOT_FAILED: an errno, or HOOK_STATUS and the exit status of a hook
        int32_t pid;   // as the process that has ended saw it, for BOOT_BORN
        int32_t fd;    // for BOOT_LISTENER
    };
};

// Above all errnos; src/kernel/errors.ts has the same. The status of a hook that a signal has ended is 128 + n.
#define HOOK_STATUS 10000

// Where niwa-oci puts the descriptors that the workload gets beside the standard streams, see op_keep_fds().
#define KEPT_FD 300
#define MAX_KEPT 256
