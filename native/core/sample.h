// One reading of a group's counters: a row of numbers with a fixed column for each counter, so that reading a thousand
// containers allocates nothing.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "group.h"

// The columns of a row, named "file:key", or "file" where a file holds just one number.
const std::vector<std::string> &sample_columns();

// What a round of the sampler found of a container. The addon tells JavaScript these numbers.
enum class Finding : uint8_t {
    kRead,       // its figures were read
    kPassedOver, // it has been idle since the last round, so that nothing else was read
    kUnchanged,  // all files were read, and had the same texts as when they were last read
};

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

    // The same for a round of the sampler: `row` is filled with kRead alone. A container is idle if it has used no
    // processor time since the last round, its cpu.max has had no period, its block I/O and its network counters are
    // the same; `may_pass` lets such a container be passed over. One thread alone may call it.
    Finding read_for_round(double *row, bool may_pass);

    // The text of io.stat, a line per device; empty where the host has no io controller.
    std::string io_stat() const;

    // Becomes the owner of the open counters of the container's network (the step `count` of network.cc). Before that,
    // the columns of the network are NaN.
    void watch_network(Fd counters);

  private:
    struct Texts;
    void read_activity(Texts *texts) const;
    void read_rest(Texts *texts) const;
    void fill(double *row, const Texts &texts) const;

    static constexpr size_t kFiles = 12;
    std::array<Fd, kFiles> files_;
    size_t seen_activity_ = 0; // hashes of the texts of the last round, and of the last round that read all
    size_t seen_ = 0;
    std::atomic<int> network_{-1}; // another thread may be reading
};
