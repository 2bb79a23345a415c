// Numbers of descriptors below those of all containers. niwad has some ten descriptors for each container. A child that
// got a copy of all of them, and closed it with its exec, would take longer the more containers run. So the child
// shares niwad's table of descriptors, and then copies only its low part, in which these numbers are.
#pragma once
#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "fd.h"

// The numbers are in rows, each for one clone at a time. A number that is not in use leads to /dev/null: if it were
// free, the next open() of any thread would get it.
class LowDescriptors {
    struct Row {
        std::array<Fd, 25> numbers; // as many as a clone needs at most
        bool taken = false;
    };

  public:
    LowDescriptors() = default;
    LowDescriptors(const LowDescriptors &) = delete;
    LowDescriptors &operator=(const LowDescriptors &) = delete;

    // Reserves the lowest free numbers from `first` on. To be called once, before many descriptors are open. Gives 0 or
    // a negative errno.
    int reserve(int first);

    // The lowest free row, for as long as the object lives. Waits where all rows are taken.
    class Lease {
      public:
        explicit Lease(LowDescriptors &owner);
        ~Lease();
        Lease(const Lease &) = delete;
        Lease &operator=(const Lease &) = delete;

        // Puts a copy of a descriptor into the row. Gives the number of the copy, which is valid until the end of the
        // lease. Gives -1 for -1, and where it fails; then error() is not 0.
        int put(int fd);

        // 0 or a negative errno.
        int error() const { return error_; }

        // The number after the greatest one that put() has given.
        unsigned end() const { return end_; }

      private:
        LowDescriptors &owner_;
        Row *row_;
        size_t used_ = 0;
        unsigned end_ = 0;
        int error_ = 0;
    };

  private:
    Row *take();
    void give_back(Row &row, size_t used);

    Fd nothing_; // /dev/null
    std::mutex mutex_;
    std::condition_variable given_back_;
    std::array<Row, 16> rows_; // as many as niwad has worker threads (UV_THREADPOOL_SIZE)
    size_t lost_ = 0;
};
