#include "proc.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "../core/fd.h"

int read_proc(pid_t pid, const char *name, char *text, size_t bytes) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), text, bytes - 1) : -1;
    int error = n < 0 ? -errno : 0;
    text[n > 0 ? n : 0] = 0;
    return error;
}

// The name of the program stands in parentheses and may contain spaces and parentheses: the fields are counted from the
// last parenthesis.
uint64_t start_ticks_of(const char *stat) {
    const char *field = strrchr(stat, ')');
    for (int i = 2; i < 22 && field != nullptr; i++) field = strchr(field + 1, ' ');
    return field == nullptr ? 0 : strtoull(field, nullptr, 10);
}

uint64_t read_start_ticks(pid_t pid) {
    char stat[1024];
    return read_proc(pid, "stat", stat, sizeof stat) < 0 ? 0 : start_ticks_of(stat);
}
