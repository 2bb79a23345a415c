#include "mount_closer.h"

#include <cstdio>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "../core/pidfd.h"

namespace {

constexpr unsigned long kPidfdGetMountNamespace = _IO(0xFF, 3); // ioctl_pidfd(2), since Linux 6.11
constexpr size_t kMaxThreads = 32; // a namespace with gigabytes in its tmpfs takes a thread for a second

} // namespace

// Without the ioctl: if the pidfd can be signalled after the open, the pid was still the one of this process.
Fd open_mounts(const Fd &process, pid_t pid) {
    Fd mounts(ioctl(process.get(), kPidfdGetMountNamespace, 0));
    if (mounts.valid()) return mounts;
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
    mounts.reset(open(path, O_RDONLY | O_CLOEXEC));
    if (signal_process(process, 0) < 0) mounts.reset();
    return mounts;
}

MountCloser::~MountCloser() {
    stop();
}

void MountCloser::stop() {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        ending_ = true;
    }
    wanted_.notify_all();
    for (Thread &thread : threads_) thread.join();
}

int MountCloser::start() {
    std::lock_guard<std::mutex> lock(mutex_);
    return add_thread();
}

int MountCloser::add_thread() {
    int error = threads_.emplace_back().start([this] { run(); });
    if (error < 0) threads_.pop_back();
    return error;
}

void MountCloser::close(uint32_t handle, Fd mounts) {
    if (!mounts.valid()) return;
    std::lock_guard<std::mutex> lock(mutex_);
    awaited_[handle] = {};
    waiting_.push_back({handle, std::move(mounts)});
    bool all_are_busy = waiting_.size() > idle_;
    if (all_are_busy && !ending_ && threads_.size() < kMaxThreads)
        (void)add_thread(); // without it, it waits for another
    wanted_.notify_one();
}

void MountCloser::await(uint32_t handle, std::function<void()> closed) {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        auto found = awaited_.find(handle);
        if (found != awaited_.end()) {
            found->second = std::move(closed);
            return;
        }
    }
    closed();
}

void MountCloser::run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        idle_++;
        wanted_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
        idle_--;
        if (ending_) return; // the end of niwad closes the rest
        Ended ended = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        ended.mounts.reset();
        lock.lock();
        auto closed = awaited_.extract(ended.handle);
        if (!closed.mapped()) continue;
        lock.unlock();
        closed.mapped()();
        lock.lock();
    }
}
