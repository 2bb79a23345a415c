// The moments on native threads at which a test may let niwad die, see src/test-hooks/crash-point.ts.
#pragma once
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

inline void crash_point(const char *name) {
    static const char *const wanted = getenv("NIWA_CRASH_AT");
    if (wanted != nullptr && strcmp(wanted, name) == 0) kill(getpid(), SIGKILL);
}
