// One reading of a group's counters: a row of numbers with a fixed column for each counter, so that reading a thousand
// containers allocates nothing.
#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "group.h"

// The columns of a row, named "file:key", or "file" where a file holds just one number.
const std::vector<std::string> &sample_columns();

// The open statistics files of one group. Files that the host does not have stay closed.
class Statistics {
  public:
    Statistics() = default;
    Statistics(const Statistics &) = delete;
    Statistics &operator=(const Statistics &) = delete;
    ~Statistics();

    // Gives 0, or a negative errno where a file that the host has cannot be opened now.
    int open(const Group &group);

    // Fills one number per column: the kernel's counters in the kernel's units, NaN where the host has no such figure.
    // Any thread may call it.
    void read(double *row) const;

    // The same, unless the container has been idle since the last call: it has used no processor time, its cpu.max has
    // had no period, its block I/O and its network counters are the same. Then `row` stays as it is, and the result is
    // false. One thread alone may call it.
    bool read_unless_idle(double *row);

    // The text of io.stat, a line per device; empty where the host has no io controller.
    std::string io_stat() const;

    // Becomes the owner of the open counters of the container's network (the step `count` of network.cc). Before that,
    // the columns of the network are NaN.
    void watch_network(Fd counters);

  private:
    struct Activity;
    void read_activity(Activity *activity) const;
    void fill(double *row, const Activity &activity) const;

    std::vector<Fd> files_;
    size_t seen_ = 0;              // a hash of the activity at the last call of read_unless_idle()
    std::atomic<int> network_{-1}; // another thread may be reading
};
