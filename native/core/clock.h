// The clock of all native times.
#pragma once
#include <cstdint>
#include <ctime>

// Now, in nanoseconds of CLOCK_BOOTTIME, which counts on while the machine sleeps and which nobody can set.
inline uint64_t boottime_ns() {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}
