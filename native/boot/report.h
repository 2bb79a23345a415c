// The reports of niwa-boot to niwad over the control socket.
#pragma once
#include <stdint.h>

// BOOT_READY: the program has come to its wait; the end of the stream after it means that the workload was executed.
// BOOT_TERMINAL comes with the descriptor of a terminal's master side (SCM_RIGHTS).
enum boot_report_kind { BOOT_READY = 1, BOOT_FAILED = 2, BOOT_TERMINAL = 3 };
struct boot_report {
    uint32_t kind;
    uint32_t step; // the index of the operation in the program
    int32_t error; // errno, for BOOT_FAILED
};

// Where niwa-oci puts the descriptors that the workload gets beside the standard streams, see op_keep_fds().
#define KEPT_FD 300
#define MAX_KEPT 256
