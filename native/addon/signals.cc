#include "signals.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>

#include "fd.h"

namespace {

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

} // namespace

bool can_receive(pid_t pid, int signal) {
    char path[32], status[4096];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), status, sizeof status - 1) : -1;
    if (n <= 0) return true;
    status[n] = 0;
    uint64_t heard = mask_of(status, "\nSigBlk:") | mask_of(status, "\nSigIgn:") | mask_of(status, "\nSigCgt:");
    return !is_namespace_init(status) || (heard >> (signal - 1) & 1) != 0;
}
