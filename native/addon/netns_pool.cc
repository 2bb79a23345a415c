#include "netns_pool.h"

#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace {

constexpr size_t kReady = 8; // a busy node starts as many at once; each takes about 100 KiB of kernel memory

Fd open_own() {
    return Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

bool set_loopback_up() {
    ifreq request = {};
    strcpy(request.ifr_name, "lo");
    Fd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket_fd.valid() || ioctl(socket_fd.get(), SIOCGIFFLAGS, &request) < 0) return false;
    request.ifr_flags |= IFF_UP;
    return ioctl(socket_fd.get(), SIOCSIFFLAGS, &request) == 0;
}

// Makes a namespace and goes back to `home`: if the thread stayed in it, the namespace would outlive its container.
Fd make_namespace(const Fd &home) {
    if (unshare(CLONE_NEWNET) < 0) return Fd();
    Fd made = open_own();
    bool up = made.valid() && set_loopback_up();
    bool back = setns(home.get(), CLONE_NEWNET) == 0;
    return up && back ? std::move(made) : Fd();
}

} // namespace

NetnsPool::~NetnsPool() {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        ending_ = true;
    }
    wanted_.notify_one();
    thread_.join();
}

int NetnsPool::start() {
    return thread_.start([this] { run(); });
}

Fd NetnsPool::take() {
    std::lock_guard<std::mutex> lock(mutex_);
    asked_ = true;
    wanted_.notify_one();
    if (ready_.empty()) return Fd();
    Fd taken = std::move(ready_.front());
    ready_.pop_front();
    return taken;
}

void NetnsPool::run() {
    sched_param lowest = {};
    sched_setscheduler(0, SCHED_IDLE, &lowest); // this thread only: running starts need the processor more
    Fd home = open_own();
    if (!home.valid()) return;
    std::unique_lock<std::mutex> lock(mutex_);
    while (!ending_) {
        if (!asked_ || ready_.size() >= kReady) {
            wanted_.wait(lock);
            continue;
        }
        lock.unlock();
        Fd made = make_namespace(home);
        lock.lock();
        if (made.valid())
            ready_.push_back(std::move(made));
        else if (!ending_)
            wanted_.wait(lock); // the host can make none now: tried again at the next start
    }
}
