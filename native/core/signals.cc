#include "signals.h"
#include "pidfd.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>

namespace {

// A shell blocks signals around a fork, for less than this time.
constexpr timespec kMoment = {0, 1'000'000};
constexpr int kLooks = 3;
// The status of a process lists its groups, of which niwa gives it up to 1,000.
constexpr size_t kStatusBytes = 16384;

uint64_t mask_of(const char *status, const char *name) {
    const char *line = strstr(status, name);
    return line == nullptr ? 0 : strtoull(line + strlen(name), nullptr, 16);
}

// NSpid lists the pid in each namespace from ours to the innermost; "1" at the end means the init of a namespace.
bool is_namespace_init(const char *status) {
    const char *line = strstr(status, "\nNSpid:");
    const char *end = line == nullptr ? nullptr : strchr(line + 1, '\n');
    return end != nullptr && end[-1] == '1' && end[-2] == '\t';
}

// The signals that do not end a process by default, see signal(7).
bool is_harmless(int signal) {
    switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGURG:
    case SIGWINCH:
        return true;
    default:
        return false;
    }
}

} // namespace

SignalEffect effect_of(pid_t pid, int signal) {
    if (signal < 1 || signal >= NSIG) return SignalEffect::kActs; // 0 is no signal, and the kernel refuses the others
    char path[32], status[kStatusBytes];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), status, sizeof status - 1) : -1;
    if (n <= 0) return SignalEffect::kActs;
    status[n] = 0;
    auto has = [&](const char *name) { return (mask_of(status, name) >> (signal - 1) & 1) != 0; };
    if (!is_namespace_init(status) || has("\nSigIgn:") || has("\nSigCgt:")) return SignalEffect::kActs;
    return has("\nSigBlk:") ? SignalEffect::kBlocked : SignalEffect::kDropped;
}

int send_with_default_action(const Container &container, int signal) {
    SignalEffect effect = SignalEffect::kActs;
    if (signal != SIGKILL && !is_harmless(signal)) effect = effect_of(container.life.pid, signal);
    for (int look = 0; effect == SignalEffect::kBlocked && look < kLooks; look++) {
        nanosleep(&kMoment, nullptr);
        effect = effect_of(container.life.pid, signal);
    }
    if (effect == SignalEffect::kDropped) {
        int error = container.group.kill();
        return error < 0 ? error : SIGKILL;
    }
    return signal_process(container.pidfd, signal) < 0 ? -errno : signal;
}
