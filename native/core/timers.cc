#include "timers.h"

#include <sys/timerfd.h>

Timers::Timers() : timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {}

void Timers::set(uint32_t handle, uint64_t at_ns) {
    auto found = times_.find(handle);
    if (found != times_.end()) {
        queue_.erase({found->second, handle});
        times_.erase(found);
    }
    if (at_ns != 0) {
        times_[handle] = at_ns;
        queue_.insert({at_ns, handle});
    }
    arm();
}

std::optional<uint32_t> Timers::take(uint64_t now_ns) {
    if (queue_.empty() || queue_.begin()->first > now_ns) return std::nullopt;
    uint32_t handle = queue_.begin()->second;
    set(handle, 0);
    return handle;
}

// Setting a timerfd also takes away that it is readable, see timerfd_settime(2).
void Timers::arm() {
    uint64_t at_ns = queue_.empty() ? 0 : queue_.begin()->first;
    if (at_ns == armed_ns_) return;
    armed_ns_ = at_ns;
    itimerspec when = {};
    when.it_value.tv_sec = static_cast<time_t>(at_ns / 1'000'000'000u);
    when.it_value.tv_nsec = static_cast<long>(at_ns % 1'000'000'000u);
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}
