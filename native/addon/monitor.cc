#include "monitor.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "signals.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace {

// What an epoll event is about: a handle and one bit, or one of the two descriptors of the monitor itself.
constexpr uint64_t kTimerKey = ~uint64_t{0};
constexpr uint64_t kWakeKey = kTimerKey - 1;
uint64_t process_key(uint32_t handle) {
    return uint64_t{handle} << 1;
}
uint64_t group_key(uint32_t handle) {
    return process_key(handle) | 1;
}

} // namespace

Monitor::Monitor(std::function<void(std::unique_ptr<Event>)> tell)
    : tell_(std::move(tell)), epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)), wake_(eventfd(0, EFD_CLOEXEC)) {
    watch(timer_.get(), EPOLLIN, kTimerKey);
    watch(wake_.get(), EPOLLIN, kWakeKey);
    thread_ = std::thread([this] { run(); });
}

Monitor::~Monitor() {
    uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
    thread_.join();
}

uint32_t Monitor::add(std::shared_ptr<Container> container) {
    std::lock_guard<std::mutex> lock(mutex_);
    uint32_t handle = next_handle_++;
    container->handle = handle;
    Entry &entry = entries_[handle];
    entry.container = std::move(container);
    watch(entry.container->pidfd.get(), EPOLLIN, process_key(handle));
    return handle;
}

std::shared_ptr<Container> Monitor::find(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    return found == entries_.end() ? nullptr : found->second.container;
}

bool Monitor::set_deadline(uint32_t handle, const Deadline &deadline) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end() || found->second.stopping || found->second.exited) return false;
    found->second.deadline = deadline;
    schedule(found->second, deadline.at_ns);
    arm_timer();
    return true;
}

void Monitor::release(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    entries_.erase(handle);
}

void Monitor::run() {
    sigset_t all;
    sigfillset(&all); // signals are for Node.js's own threads
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    epoll_event ready[64];
    for (;;) {
        int count = epoll_wait(epoll_.get(), ready, 64, -1);
        std::lock_guard<std::mutex> lock(mutex_);
        for (int i = 0; i < count; i++) {
            uint64_t key = ready[i].data.u64;
            if (key == kWakeKey) return;
            if (key == kTimerKey) {
                on_timer();
                continue;
            }
            auto found = entries_.find(static_cast<uint32_t>(key >> 1));
            if (found == entries_.end()) continue;
            if ((key & 1) != 0)
                on_group_event(found->second);
            else
                on_process_exit(found->second);
        }
    }
}

void Monitor::on_timer() {
    uint64_t expirations;
    (void)!read(timer_.get(), &expirations, sizeof expirations);
    uint64_t now = boottime_ns();
    while (!due_.empty() && due_.begin()->first <= now) {
        Entry &entry = entries_.at(due_.begin()->second);
        schedule(entry, 0);
        if (entry.stopping)
            kill(entry, now);
        else
            begin_stop(entry, now);
    }
    arm_timer();
}

void Monitor::begin_stop(Entry &entry, uint64_t now) {
    Container &container = *entry.container;
    entry.stopping = true;
    entry.exit.cause = entry.deadline.cause;
    entry.exit.deadline_ns = entry.deadline.at_ns;
    auto event = std::make_unique<Event>(Event{
        Event::kStopping, container.handle, now, entry.deadline.cause, entry.deadline.at_ns, 0, false, -1, 0, {}, {}});
    container.group.write("cgroup.freeze", "0"); // a paused container could not act on the signal
    bool heard = entry.deadline.signal != SIGKILL && entry.deadline.timeout_ns > 0 &&
                 can_receive(container.pid, entry.deadline.signal);
    if (heard && syscall(SYS_pidfd_send_signal, container.pidfd.get(), entry.deadline.signal, nullptr, 0) == 0)
        schedule(entry, now + entry.deadline.timeout_ns);
    else
        kill(entry, now);
    tell_(std::move(event));
}

void Monitor::kill(Entry &entry, uint64_t now) {
    entry.exit.killed_ns = now;
    entry.container->group.kill();
}

void Monitor::on_process_exit(Entry &entry) {
    if (entry.exited) return;
    entry.exited = true;
    Container &container = *entry.container;
    siginfo_t info = {};
    int reaped =
        waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(container.pidfd.get()), &info, WEXITED | WNOHANG);
    entry.exit.at_ns = boottime_ns();
    entry.exit.status_known = reaped == 0 && info.si_pid != 0;
    if (entry.exit.status_known && info.si_code == CLD_EXITED)
        entry.exit.code = info.si_status;
    else if (entry.exit.status_known)
        entry.exit.signal = info.si_status;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, container.pidfd.get(), nullptr);
    schedule(entry, 0);
    arm_timer();

    // All descendants die with the container, also those in another PID namespace (exec, `pid: host`).
    container.group.kill();
    entry.events = container.group.open_file("cgroup.events");
    watch(entry.events.get(), EPOLLPRI, group_key(container.handle));
    on_group_event(entry);
}

// The last reading is taken when nothing can use the processor on the container's account any more.
void Monitor::on_group_event(Entry &entry) {
    if (!entry.events.valid() || group_event(entry.events, "populated")) return;
    Container &container = *entry.container;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.events.get(), nullptr);
    entry.events.reset();
    auto event = std::make_unique<Event>(std::move(entry.exit));
    event->type = Event::kExit;
    event->handle = container.handle;
    event->row.resize(sample_columns().size());
    container.statistics.read(event->row.data());
    event->io_stat = container.statistics.io_stat();
    tell_(std::move(event));
}

void Monitor::schedule(Entry &entry, uint64_t due_ns) {
    if (entry.due_ns != 0) due_.erase({entry.due_ns, entry.container->handle});
    entry.due_ns = due_ns;
    if (due_ns != 0) due_.insert({due_ns, entry.container->handle});
}

void Monitor::arm_timer() {
    itimerspec when = {};
    if (!due_.empty()) {
        uint64_t at = due_.begin()->first;
        when.it_value.tv_sec = static_cast<time_t>(at / 1'000'000'000u);
        when.it_value.tv_nsec = static_cast<long>(at % 1'000'000'000u);
    }
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Monitor::watch(int fd, uint32_t events, uint64_t key) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = key;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}
