// The state of a container's first process: what has happened, and its deadline. It is plain bytes, since niwad sends
// it to the keeper at each change, and the next niwad receives it from the keeper. Times are nanoseconds of
// CLOCK_BOOTTIME, 0 for "not yet" or "never".
#pragma once
#include <cstdint>
#include <sys/types.h>
#include <type_traits>

constexpr size_t kIdBytes = 65; // 64 characters and a NUL

// When to end a container, and how: the signal, and after the timeout cgroup.kill.
struct Deadline {
    uint64_t at_ns = 0;
    uint32_t cause = 0; // any number; the events repeat it
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
    uint64_t exited_ns = 0;   // when we saw that its first process had ended
    bool status_known = false;
    int32_t code = -1;  // exit status, or -1
    int32_t signal = 0; // the signal that ended it, or 0
};
static_assert(std::is_trivially_copyable_v<Life>);
