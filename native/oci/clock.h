// The clock of all waits of this program.
#pragma once
#include <time.h>

// Now, in milliseconds of CLOCK_MONOTONIC.
static inline long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
