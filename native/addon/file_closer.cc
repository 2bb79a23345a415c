#include "file_closer.h"

#include <utility>

namespace {

constexpr size_t kMostWaiting = 256; // so many wait only where one takes long

} // namespace

bool FileCloser::is_ready() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!runs_) runs_ = thread_.start([this] { run(); }) == 0;
    return runs_ && waiting_.size() < kMostWaiting;
}

void FileCloser::close(Fd file) {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(file));
    wanted_.notify_one();
}

void FileCloser::run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        wanted_.wait(lock, [this] { return !waiting_.empty(); });
        std::vector<Fd> files = std::exchange(waiting_, {});
        lock.unlock();
        files.clear();
        lock.lock();
    }
}
