// Times at which something has to be done, at most one for each handle, behind one timerfd.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "fd.h"

class Timers {
  public:
    Timers();

    // Readable once a time has come, until take() has given everything that is due.
    int fd() const { return timer_.get(); }

    // Sets or moves the time of a handle (nanoseconds of CLOCK_BOOTTIME); 0 clears it.
    void set(uint32_t handle, uint64_t at_ns);

    bool has(uint32_t handle) const { return times_.count(handle) > 0; }

    // Gives a handle whose time has come, and clears its time. Nothing where none is due.
    std::optional<uint32_t> take(uint64_t now_ns);

  private:
    void arm();

    Fd timer_;
    uint64_t armed_ns_ = 0; // what the timerfd is set to
    std::map<uint32_t, uint64_t> times_;
    std::set<std::pair<uint64_t, uint32_t>> queue_; // (time, handle)
};
