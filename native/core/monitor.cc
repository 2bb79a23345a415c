#include "monitor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "pidfd.h"
#include "signals.h"

namespace {

// What an epoll event is about: a handle and one bit, or one of the two descriptors of the monitor itself.
constexpr uint64_t kTimerKey = ~uint64_t{0};
constexpr uint64_t kWakeKey = kTimerKey - 1;
constexpr uint64_t kExitsKey = kTimerKey - 2;
constexpr uint64_t kLookAgainNs = 5'000'000;
constexpr uint64_t kRetryNs = 100'000'000;
constexpr uint64_t kBackstopNs = 500'000'000;
constexpr uint64_t kStatusLookNs = 1'000'000;
constexpr uint64_t kStatusWaitNs = 200'000'000; // 1,500 ends in a virtual machine: 127 were heard of late, at most 7 ms
uint64_t process_key(uint32_t handle) {
    return uint64_t{handle} << 1;
}
uint64_t group_key(uint32_t handle) {
    return process_key(handle) | 1;
}

// Whether it was a lack of descriptors or memory, which may pass. A group that is gone is no such thing.
bool is_short_of(int error) {
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EINTR;
}

bool is_our_child(const Fd &pidfd) {
    siginfo_t info;
    return wait_for(pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

} // namespace

uint64_t boottime_ns() {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

Monitor::Monitor(Tell tell, Changed changed)
    : tell_(std::move(tell)), changed_(std::move(changed)), epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)), wake_(eventfd(0, EFD_CLOEXEC)) {}

int Monitor::start() {
    bool watches = watch(timer_.get(), EPOLLIN, kTimerKey) && watch(wake_.get(), EPOLLIN, kWakeKey);
    return watches ? thread_.start([this] { run(); }) : -errno; // no descriptors is among the errors
}

Monitor::~Monitor() {
    uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
    thread_.join();
}

uint32_t Monitor::add(std::shared_ptr<Container> added) {
    std::lock_guard<std::mutex> lock(mutex_);
    uint32_t handle = next_handle_++;
    Entry &entry = entries_[handle];
    entry.container = std::move(added);
    Container &container = *entry.container;
    container.handle = handle;
    note(entry);
    follow(entry);
    return handle;
}

// Sees to a container from where it is in its life.
void Monitor::follow(Entry &entry) {
    const Container &container = *entry.container;
    if (!backstop_ && container.life.exited_ns != 0) {
        wait_for_empty(entry);
    } else if (!backstop_ && !container.pidfd.valid()) {
        on_process_exit(entry);
    } else {
        if (!backstop_) watch_process(entry);
        plan(entry);
    }
}

void Monitor::watch_process(Entry &entry) {
    const Container &container = *entry.container;
    if (!is_our_child(container.pidfd)) {
        exits_.expect(container.life.pid);
        if (exits_.fd() >= 0) watch(exits_.fd(), EPOLLIN, kExitsKey);
    }
    watch(container.pidfd.get(), EPOLLIN, process_key(container.handle));
}

void Monitor::plan(Entry &entry) {
    const Life &life = entry.container->life;
    if (!backstop_ && entry.gone_ns != 0 && life.exited_ns == 0) return; // the timer looks for the status
    uint64_t due = 0;
    if (life.exited_ns == 0 && life.killed_ns == 0) {
        if (life.stopping_ns == 0)
            due = life.deadline.at_ns;
        else
            due =
                backstop_ ? life.stopping_ns + life.deadline.timeout_ns : life.stopping_ns; // that looks again at once
    }
    // A backstop that learns of a deadline too late gives the other monitor the same time, or it would be the faster
    // one.
    schedule(entry, due == 0 || !backstop_ ? due : std::max(due, boottime_ns()) + kBackstopNs);
    arm_timer();
}

void Monitor::set_backstop(bool backstop) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (backstop == backstop_) return;
    backstop_ = backstop;
    for (auto &[handle, entry] : entries_) {
        if (backstop) {
            epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.container->pidfd.get(), nullptr);
            plan(entry);
        } else {
            follow(entry);
        }
    }
}

void Monitor::update(uint32_t handle, const Life &life) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return;
    found->second.container->life = life;
    plan(found->second);
}

std::shared_ptr<Container> Monitor::find(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    return found == entries_.end() ? nullptr : found->second.container;
}

void Monitor::note_all(const std::function<void()> &pause) {
    std::vector<uint32_t> handles;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        for (const auto &[handle, entry] : entries_) handles.push_back(handle);
    }
    for (uint32_t handle : handles) {
        pause();
        std::lock_guard<std::mutex> lock(mutex_);
        auto found = entries_.find(handle);
        if (found != entries_.end()) note(found->second);
    }
}

bool Monitor::anybody_lives() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(),
                       [](const auto &one) { return one.second.container->life.exited_ns == 0; });
}

Life Monitor::life_of(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    return found == entries_.end() ? Life{} : found->second.container->life;
}

void Monitor::begin(uint32_t handle, uint64_t started_ns, const Deadline &deadline) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return;
    Life &life = found->second.container->life;
    life.started_ns = started_ns;
    if (life.stopping_ns == 0 && life.exited_ns == 0) life.deadline = deadline;
    plan(found->second);
    note(found->second);
}

bool Monitor::set_deadline(uint32_t handle, const Deadline &deadline) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return false;
    Life &life = found->second.container->life;
    if (life.stopping_ns != 0 || life.exited_ns != 0) return false;
    life.deadline = deadline;
    note(found->second);
    plan(found->second);
    return true;
}

void Monitor::release(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return;
    schedule(found->second, 0);
    entries_.erase(found);
}

void Monitor::run() {
    epoll_event ready[64];
    for (;;) {
        int count = epoll_wait(epoll_.get(), ready, 64, -1);
        std::lock_guard<std::mutex> lock(mutex_);
        for (int i = 0; i < count; i++) {
            uint64_t key = ready[i].data.u64;
            if (key == kWakeKey) return;
            if (key == kTimerKey || key == kExitsKey) {
                key == kTimerKey ? on_timer() : exits_.hear();
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
        if (entry.container->life.exited_ns != 0)
            wait_for_empty(entry);
        else if (!backstop_ && entry.gone_ns != 0)
            on_process_exit(entry);
        else if (entry.container->life.stopping_ns != 0)
            await_end(entry, now);
        else
            begin_stop(entry, now);
    }
    arm_timer();
}

void Monitor::begin_stop(Entry &entry, uint64_t now) {
    Container &container = *entry.container;
    const Deadline &deadline = container.life.deadline;
    container.life.stopping_ns = now;
    note(entry);
    container.group.write("cgroup.freeze", "0"); // a paused container could not act on the signal
    Hearing hearing = deadline.signal == SIGKILL ? Hearing::kDropped : hearing_of(container.life.pid, deadline.signal);
    entry.blocked = hearing == Hearing::kBlocked;
    bool sent = hearing != Hearing::kDropped && signal_process(container.pidfd, deadline.signal) == 0;
    if (sent)
        await_end(entry, now);
    else
        kill(entry, now);
    tell(Event::kStopping, entry);
}

// Gives a container its stop timeout, for as long as it may act on the signal: one that was blocked for a moment only
// is dropped at the end of that moment, and nobody is told. One that was not blocked has been heard, also where its
// handler has gone since: many programs take it away at the first signal, or at their end.
void Monitor::await_end(Entry &entry, uint64_t now) {
    const Life &life = entry.container->life;
    uint64_t end = life.stopping_ns + life.deadline.timeout_ns;
    Hearing hearing = hearing_of(life.pid, life.deadline.signal);
    if (now >= end || (hearing == Hearing::kDropped && entry.blocked)) return kill(entry, now);
    entry.blocked = hearing == Hearing::kBlocked;
    schedule(entry, entry.blocked ? std::min(end, now + kLookAgainNs) : end);
}

void Monitor::kill(Entry &entry, uint64_t now) {
    if (is_short_of(entry.container->group.kill())) return schedule(entry, now + kRetryNs);
    entry.container->life.killed_ns = now;
    note(entry);
}

void Monitor::on_process_exit(Entry &entry) {
    Container &container = *entry.container;
    Life &life = container.life;
    if (backstop_ || life.exited_ns != 0) return;
    uint64_t now = boottime_ns();
    if (entry.gone_ns == 0) {
        entry.gone_ns = now;
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, container.pidfd.get(), nullptr);
    }
    if (container.pidfd.valid()) read_exit_status(container.pidfd, exits_, &life);
    if (!life.status_known && exits_.awaits(life.pid) && now - entry.gone_ns < kStatusWaitNs) {
        schedule(entry, now + kStatusLookNs);
        return arm_timer();
    }
    exits_.forget(life.pid);
    life.exited_ns = entry.gone_ns;
    note(entry);
    schedule(entry, 0);
    arm_timer();
    wait_for_empty(entry);
}

// All descendants die with the container, also those in another PID namespace (exec, `pid: host`).
void Monitor::wait_for_empty(Entry &entry) {
    Container &container = *entry.container;
    int error = container.group.kill();
    entry.events = container.group.open_file("cgroup.events");
    if (is_short_of(error) || (!entry.events.valid() && is_short_of(-errno))) {
        entry.events.reset();
        schedule(entry, boottime_ns() + kRetryNs);
        return arm_timer();
    }
    watch(entry.events.get(), EPOLLPRI, group_key(container.handle));
    on_group_event(entry);
}

// The last reading is taken when nothing can use the processor on the container's account any more.
void Monitor::on_group_event(Entry &entry) {
    if (!entry.events.valid() || group_event(entry.events, "populated")) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.events.get(), nullptr);
    entry.events.reset();
    tell(Event::kExit, entry);
}

void Monitor::note(const Entry &entry) const {
    if (changed_) changed_(*entry.container);
}

void Monitor::tell(Event::Type type, const Entry &entry) {
    if (!tell_) return;
    const Container &container = *entry.container;
    auto event = std::make_unique<Event>(Event{type, container.handle, container.life, {}, {}});
    if (type == Event::kExit) {
        event->row.resize(sample_columns().size());
        container.statistics.read(event->row.data());
        event->io_stat = container.statistics.io_stat();
    }
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

bool Monitor::watch(int fd, uint32_t events, uint64_t key) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = key;
    return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}
