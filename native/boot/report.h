// What niwa-boot says to niwad over the control socket; the addon reads it.
#pragma once
#include <stdint.h>

// The end of the stream after BOOT_READY means that the workload was executed. With BOOT_TERMINAL comes the descriptor
// of a terminal's master side (SCM_RIGHTS).
enum boot_report_kind { BOOT_READY = 1, BOOT_FAILED = 2, BOOT_TERMINAL = 3 };
struct boot_report {
    uint32_t kind;
    uint32_t step; // the index of the operation in the program
    int32_t error; // errno, for BOOT_FAILED
};
