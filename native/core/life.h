// What a container has lived through and what is to come. Plain bytes: niwad tells them to the keeper as they change,
// and the next niwad takes them from there. Times are nanoseconds of CLOCK_BOOTTIME, 0 for "not yet" or "never".
#pragma once
#include <cstdint>
#include <sys/types.h>
#include <type_traits>

constexpr size_t kIdBytes = 65; // 64 characters and a NUL

// When to end a container, and how: the signal, and after the timeout cgroup.kill.
struct Deadline {
    uint64_t at_ns = 0;
    uint32_t cause = 0; // handed back in the events
    int32_t signal = 0;
    uint64_t timeout_ns = 0;
};

struct Life {
    char id[kIdBytes] = {};
    pid_t pid = -1; // of its first process
    uint64_t started_ns = 0;
    Deadline deadline;
    uint64_t stopping_ns = 0; // when the deadline had passed and the signal was sent
    uint64_t killed_ns = 0;   // when cgroup.kill followed
    uint64_t exited_ns = 0;   // when its first process was seen to have gone
    bool status_known = false;
    int32_t code = -1;  // exit status, or -1
    int32_t signal = 0; // what ended it, or 0
};
static_assert(std::is_trivially_copyable_v<Life>);

// Now on CLOCK_BOOTTIME, which counts on while the machine sleeps and which nobody can set.
uint64_t boottime_ns();
