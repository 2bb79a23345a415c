#include "low_descriptors.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

int LowDescriptors::reserve(int first) {
    nothing_.reset(open("/dev/null", O_PATH | O_CLOEXEC));
    if (!nothing_.valid()) return -errno;
    for (Row &row : rows_)
        for (Fd &number : row.numbers) {
            number.reset(fcntl(nothing_.get(), F_DUPFD_CLOEXEC, first));
            if (!number.valid()) return -errno;
        }
    return 0;
}

// Gives nothing where all rows are lost.
LowDescriptors::Row *LowDescriptors::take() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (lost_ < rows_.size()) {
        auto found = std::find_if(rows_.begin(), rows_.end(), [](const Row &row) { return !row.taken; });
        if (found != rows_.end()) {
            found->taken = true;
            return found;
        }
        given_back_.wait(lock);
    }
    return nullptr;
}

// Makes the numbers lead to /dev/null again. That fails where somebody has lowered RLIMIT_NOFILE below them: then the
// row is lost, and its numbers are closed. They must not stay open: the end of a control socket would not be seen.
void LowDescriptors::give_back(Row &row, size_t used) {
    bool renewed = true;
    for (size_t i = 0; i < used; i++) renewed = dup3(nothing_.get(), row.numbers[i].get(), O_CLOEXEC) >= 0 && renewed;
    for (size_t i = 0; i < row.numbers.size() && !renewed; i++) row.numbers[i].reset();
    std::lock_guard<std::mutex> lock(mutex_);
    row.taken = !renewed;
    if (!renewed) lost_++;
    given_back_.notify_all();
}

LowDescriptors::Lease::Lease(LowDescriptors &owner)
    : owner_(owner), row_(owner.take()), error_(row_ == nullptr ? -EMFILE : 0) {}

LowDescriptors::Lease::~Lease() {
    if (row_ != nullptr) owner_.give_back(*row_, used_);
}

int LowDescriptors::Lease::put(int fd) {
    if (fd < 0 || error_ < 0) return -1;
    int number = used_ < row_->numbers.size() ? row_->numbers[used_].get() : -1;
    if (number < 0 || dup3(fd, number, O_CLOEXEC) < 0) {
        error_ = -EMFILE; // RLIMIT_NOFILE was lowered below the number
        return -1;
    }
    used_++;
    end_ = std::max(end_, static_cast<unsigned>(number) + 1);
    return number;
}
