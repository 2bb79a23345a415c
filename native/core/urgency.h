// Which threads run before others, see sched(7).
#pragma once
#include <sched.h>
#include <sys/resource.h>
#include <sys/types.h>

// Real-time priorities: such a thread gets a processor at once, and keeps it until it waits.
enum class Urgency {
    kUsual = 0,
    kEnd = 1,     // a process that has got SIGKILL: it executes nothing of its own any more
    kMonitor = 2, // the thread of the monitor
};

constexpr int kPreferred = -10; // a nice value

// Sets it for a thread, 0 for the calling one. Threads and processes that it makes have the usual one. Changes nothing
// where the kernel refuses it: without CAP_SYS_NICE, and in a group without time for such threads.
inline void set_urgency(pid_t thread, Urgency urgency) {
    sched_param priority = {};
    priority.sched_priority = static_cast<int>(urgency);
    (void)sched_setscheduler(thread, urgency == Urgency::kUsual ? SCHED_OTHER : SCHED_RR | SCHED_RESET_ON_FORK,
                             &priority);
}

// Gives the calling thread most of a processor where it competes with others of the process. Threads and processes that
// it makes have the usual priority. Changes nothing without CAP_SYS_NICE, and where the operator has given niwad more.
inline void prefer_this_thread() {
    if (sched_getscheduler(0) != SCHED_OTHER || getpriority(PRIO_PROCESS, 0) <= kPreferred) return;
    sched_param none = {};
    if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) == 0)
        (void)setpriority(PRIO_PROCESS, 0, kPreferred);
}
