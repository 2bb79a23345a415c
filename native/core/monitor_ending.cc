// How the monitor ends a container: the stop signal, SIGKILL and cgroup.kill after the stop timeout, and the last
// reading once its group is empty.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/epoll.h>

#include "clock.h"
#include "monitor.h"
#include "pidfd.h"
#include "signals.h"
#include "urgency.h"

namespace {

constexpr uint64_t kLookAgainNs = 5'000'000; // how often we look whether a stop signal is still blocked
// The end of a process takes a millisecond, but one that has gigabytes of memory takes a second. So its urgency ends.
constexpr uint64_t kEndNs = 5'000'000;
constexpr size_t kHurriedMost = 8; // what others on the host have to wait for is bounded by both
constexpr uint64_t kRetryNs = 100'000'000;
constexpr uint64_t kStatusLookNs = 1'000'000;
constexpr uint64_t kStatusWaitNs =
    200'000'000; // of 1,500 ends in a virtual machine, 127 had a late status: 7 ms at most

// Whether a call failed for lack of descriptors or memory: the same call may succeed later. It never will where the
// group is gone.
bool may_succeed_later(int error) {
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EINTR;
}

} // namespace

void Monitor::begin_stop(Entry &entry, uint64_t now) {
    Container &container = *entry.container;
    const Deadline &deadline = container.life.deadline;
    container.life.stopping_ns = now;
    report_change(entry);
    SignalEffect effect =
        deadline.signal == SIGKILL ? SignalEffect::kDropped : effect_of(container.life.pid, deadline.signal);
    entry.blocked = effect == SignalEffect::kBlocked;
    // A paused container could not act on the signal; to be killed it need not be thawed. Each write waits for all
    // other changes of groups on the host.
    if (effect != SignalEffect::kDropped) {
        calm_all();
        container.group.write("cgroup.freeze", "0");
    }
    bool sent = effect != SignalEffect::kDropped && signal_process(container.pidfd, deadline.signal) == 0;
    if (sent)
        await_end(entry, now);
    else
        kill(entry, now);
    report_event(Event::kStopping, entry);
}

// Waits until the stop timeout has passed, but no longer than the process can still act on the stop signal. A signal
// that the process blocks is pending. If the process unblocks it and has no handler, the kernel drops it (the process
// is an init of a PID namespace) and nothing would ever come of it: then the group is killed at once. If the signal was
// not blocked, the process has received it, even if it has no handler now: many programs remove their handler at the
// first signal.
void Monitor::await_end(Entry &entry, uint64_t now) {
    if (entry.killed) return kill(entry, now);
    const Life &life = entry.container->life;
    uint64_t end = life.stopping_ns + life.deadline.timeout_ns;
    SignalEffect effect = effect_of(life.pid, life.deadline.signal);
    if (now >= end || (effect == SignalEffect::kDropped && entry.blocked)) return kill(entry, now);
    entry.blocked = effect == SignalEffect::kBlocked;
    schedule(entry, entry.blocked ? std::min(end, now + kLookAgainNs) : end);
}

// The first process is killed alone at first. With it ends its PID namespace, and the rest of the group is killed when
// it has ended, or soon, whichever comes first: the write to cgroup.kill waits for all other changes of groups on the
// host.
void Monitor::kill(Entry &entry, uint64_t now) {
    if (!entry.killed && signal_process(entry.container->pidfd, SIGKILL) == 0) {
        entry.killed = true;
        hurry(entry);
        schedule(entry, now + kEndNs);
    } else {
        kill_group(entry, now);
    }
}

int Monitor::kill_all(const Entry &entry) {
    calm_all();
    return entry.container->group.kill();
}

void Monitor::kill_group(Entry &entry, uint64_t now) {
    if (may_succeed_later(kill_all(entry))) return schedule(entry, now + kRetryNs);
    entry.container->life.killed_ns = now;
    report_change(entry);
}

// A busy host lets the process that has got SIGKILL wait until others have used up their slices, of milliseconds each.
void Monitor::hurry(Entry &entry) {
    if (hurried_.size() >= kHurriedMost || !is_our_child(entry.container->pidfd)) return;
    set_urgency(entry.container->life.pid, Urgency::kEnd);
    hurried_.push_back(&entry);
}

// To be called before the process is reaped: then its pid is free for others.
void Monitor::calm(const Entry &entry) {
    auto found = std::find(hurried_.begin(), hurried_.end(), &entry);
    if (found == hurried_.end()) return;
    set_urgency(entry.container->life.pid, Urgency::kUsual);
    hurried_.erase(found);
}

// To be called before this thread waits, as each write to a group does: nobody else ends an urgency.
void Monitor::calm_all() {
    while (!hurried_.empty()) calm(*hurried_.back());
}

void Monitor::on_process_exit(Entry &entry) {
    Container &container = *entry.container;
    Life &life = container.life;
    if (entry.backstop || life.exited_ns != 0) return;
    uint64_t now = boottime_ns();
    if (entry.gone_ns == 0) {
        entry.gone_ns = now;
        calm(entry);
        loop_.control(EPOLL_CTL_DEL, container.pidfd.get(), 0, 0);
    }
    if (container.pidfd.valid()) read_exit_status(container.pidfd, exits_, &life);
    if (!life.status_known && exits_.awaits(life.pid) && now - entry.gone_ns < kStatusWaitNs)
        return schedule(entry, now + kStatusLookNs);
    exits_.forget(life.pid);
    life.exited_ns = entry.gone_ns;
    report_change(entry);
    schedule(entry, 0);
    await_empty_group(entry);
}

// When the first process has ended, all others of the group are killed. The kernel does this only for those of its PID
// namespace, and an exec or `pid: host` may have others. Most groups are empty by then. Others may have removed the
// group already, as systemd does with a scope that it has killed.
void Monitor::await_empty_group(Entry &entry) {
    entry.events = entry.container->group.open_file("cgroup.events");
    if (!entry.events.valid()) {
        if (may_succeed_later(-errno)) return schedule(entry, boottime_ns() + kRetryNs);
        return report_event(Event::kExit, entry);
    }
    if (group_event(entry.events, "populated")) {
        watch_group(entry); // before the next reading, so that no change after it is missed
        return on_group_event(entry);
    }
    entry.events.reset();
    report_event(Event::kExit, entry);
}

// The last reading is taken when the group is empty: from then on its counters do not change.
void Monitor::on_group_event(Entry &entry) {
    if (!entry.events.valid()) return;
    bool populated = group_event(entry.events, "populated");
    bool later = populated && may_succeed_later(kill_all(entry));
    if (populated && !later) return;
    loop_.control(EPOLL_CTL_DEL, entry.events.get(), 0, 0);
    entry.events.reset();
    if (later)
        schedule(entry, boottime_ns() + kRetryNs);
    else
        report_event(Event::kExit, entry);
}
