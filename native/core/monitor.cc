#include "monitor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/epoll.h>

#include "clock.h"
#include "pidfd.h"
#include "signals.h"
#include "urgency.h"

namespace {

// The key of a descriptor is a handle and one bit: process_key(), group_key(). The two descriptors of the monitor
// itself have keys that are greater than all of these.
constexpr uint64_t kTimerKey = uint64_t{1} << 40;
constexpr uint64_t kExitsKey = kTimerKey + 1;
constexpr uint64_t kBackstopNs = 500'000'000; // how much later than the other monitor a backstop acts

uint64_t process_key(uint32_t handle) {
    return uint64_t{handle} << 1;
}
uint64_t group_key(uint32_t handle) {
    return process_key(handle) | 1;
}

} // namespace

Monitor::Monitor(OnEvent on_event, OnChange on_change)
    : on_event_(std::move(on_event)), on_change_(std::move(on_change)) {}

int Monitor::start() {
    if (!watch(due_.fd(), EPOLLIN, kTimerKey)) return -errno; // also where the constructors got no descriptors
    int error = loop_.start([this](uint64_t key, uint32_t) { on_ready(key); });
    if (error == 0) loop_.send([] { set_urgency(0, Urgency::kMonitor); });
    return error;
}

Monitor::~Monitor() {
    loop_.stop();
}

void Monitor::add(std::shared_ptr<Container> added, bool known) {
    std::lock_guard<std::mutex> lock(mutex_);
    Entry &entry = entries_[added->handle];
    entry.container = std::move(added);
    if (!known) report_change(entry);
    follow(entry);
}

// Watches what has to come next in the life of a container: its exit and its deadline, or that its group is empty.
void Monitor::follow(Entry &entry) {
    const Container &container = *entry.container;
    if (container.life.exited_ns != 0) {
        await_empty_group(entry);
    } else if (!container.pidfd.valid() || entry.gone_ns != 0) {
        on_process_exit(entry);
    } else {
        watch_process(entry);
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
    if (!entry.backstop && entry.gone_ns != 0 && life.exited_ns == 0) return; // the timer looks for the status
    uint64_t due = 0;
    if (life.exited_ns == 0 && life.killed_ns == 0) {
        if (life.stopping_ns == 0)
            due = life.deadline.at_ns;
        else
            due = entry.backstop ? life.stopping_ns + life.deadline.timeout_ns : life.stopping_ns;
    }
    // A backstop may learn of a deadline after it has passed. It still gives the other monitor half a second from now.
    schedule(entry, due == 0 || !entry.backstop ? due : std::max(due, boottime_ns()) + kBackstopNs);
}

bool Monitor::become_backstop(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end() || found->second.backstop) return true;
    Entry &entry = found->second;
    const Container &container = *entry.container;
    // the thread may not have come to it yet, and the other monitor may get no status
    if (container.life.exited_ns == 0 && has_ended(container.pidfd)) on_process_exit(entry);
    if (container.life.exited_ns == 0 && entry.gone_ns != 0) return false;
    loop_.control(EPOLL_CTL_DEL, container.pidfd.get(), 0, 0);
    exits_.forget(container.life.pid);
    entry.backstop = true;
    plan(entry);
    return true;
}

void Monitor::add_as_backstop(std::shared_ptr<Container> added) {
    std::lock_guard<std::mutex> lock(mutex_);
    Entry &entry = entries_[added->handle];
    entry.container = std::move(added);
    entry.backstop = true;
    plan(entry);
}

void Monitor::act_alone() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto &[handle, entry] : entries_) {
        if (!entry.backstop) continue;
        entry.backstop = false;
        follow(entry);
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

std::vector<std::shared_ptr<Container>> Monitor::find_all(const uint32_t *handles, size_t count) {
    std::vector<std::shared_ptr<Container>> all(count);
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < count; i++) {
        auto found = entries_.find(handles[i]);
        if (found != entries_.end()) all[i] = found->second.container;
    }
    return all;
}

void Monitor::report_all(const std::function<void()> &pause) {
    std::vector<uint32_t> handles;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        for (const auto &[handle, entry] : entries_) handles.push_back(handle);
    }
    for (uint32_t handle : handles) {
        pause();
        std::lock_guard<std::mutex> lock(mutex_);
        auto found = entries_.find(handle);
        if (found != entries_.end()) report_change(found->second);
    }
}

bool Monitor::has_live_container() {
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
    report_change(found->second);
}

bool Monitor::set_deadline(uint32_t handle, const Deadline &deadline) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return false;
    Life &life = found->second.container->life;
    if (life.stopping_ns != 0 || life.exited_ns != 0) return false;
    life.deadline = deadline;
    report_change(found->second);
    plan(found->second);
    return true;
}

void Monitor::release(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(handle);
    if (found == entries_.end()) return;
    calm(found->second);
    schedule(found->second, 0);
    entries_.erase(found);
}

void Monitor::on_ready(uint64_t key) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (key == kTimerKey) return on_timer();
    if (key == kExitsKey) return exits_.receive();
    auto found = entries_.find(static_cast<uint32_t>(key >> 1));
    if (found == entries_.end()) return;
    if ((key & 1) != 0)
        on_group_event(found->second);
    else
        on_process_exit(found->second);
}

void Monitor::on_timer() {
    uint64_t now = boottime_ns();
    while (auto handle = due_.take(now)) {
        Entry &entry = entries_.at(*handle);
        if (entry.container->life.exited_ns != 0)
            await_empty_group(entry);
        else if (!entry.backstop && entry.gone_ns != 0)
            on_process_exit(entry);
        else if (entry.container->life.stopping_ns != 0)
            await_end(entry, now);
        else
            begin_stop(entry, now);
    }
}

void Monitor::report_change(const Entry &entry) const {
    if (on_change_) on_change_(*entry.container);
}

void Monitor::report_event(Event::Type type, const Entry &entry) {
    if (!on_event_) return;
    Container &container = *entry.container;
    auto event = std::make_unique<Event>(Event{type, container.handle, container.life, {}, {}, {}});
    if (type == Event::kExit) {
        event->row.resize(sample_columns().size());
        container.statistics.read(event->row.data());
        event->io_stat = container.statistics.io_stat();
        event->mounts = std::move(container.mounts);
    }
    on_event_(std::move(event));
}

void Monitor::schedule(const Entry &entry, uint64_t due_ns) {
    due_.set(entry.container->handle, due_ns);
}

void Monitor::watch_group(const Entry &entry) {
    watch(entry.events.get(), EPOLLPRI, group_key(entry.container->handle));
}

bool Monitor::watch(int fd, uint32_t events, uint64_t key) {
    return loop_.control(EPOLL_CTL_ADD, fd, key, events);
}
