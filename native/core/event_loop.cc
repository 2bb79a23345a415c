#include "event_loop.h"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {
constexpr uint64_t kWakeKey = ~uint64_t{0}; // of the eventfd
}

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

int EventLoop::start(std::function<void(uint64_t, uint32_t)> on_event) {
    on_event_ = std::move(on_event);
    if (!control(EPOLL_CTL_ADD, wake_.get(), kWakeKey, EPOLLIN)) return -errno; // also where the constructor got none
    return thread_.start([this] { run(); });
}

void EventLoop::stop() {
    send([this] { ending_ = true; });
    thread_.join();
}

void EventLoop::send(Command command) {
    std::lock_guard<std::mutex> lock(mutex_);
    commands_.push_back(std::move(command));
    if (commands_.size() > 1) return; // the thread is awake: it has read the eventfd before it takes the commands
    uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
}

bool EventLoop::control(int operation, int fd, uint64_t key, uint32_t events) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = key;
    return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void EventLoop::run() {
    epoll_event ready[64];
    while (!ending_) {
        int count = epoll_wait(epoll_.get(), ready, 64, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.u64 == kWakeKey)
                run_commands();
            else
                on_event_(ready[i].data.u64, ready[i].events);
        }
    }
}

void EventLoop::run_commands() {
    uint64_t sent;
    (void)!read(wake_.get(), &sent, sizeof sent);
    std::vector<Command> commands;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        commands.swap(commands_);
    }
    for (const Command &command : commands) command();
}
