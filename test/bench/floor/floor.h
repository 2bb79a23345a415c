// What the floors share: a clock, an end with a reason, and the conversation with the benchmark.
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 64

static inline uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Ends the program with errno's words.
__attribute__((noreturn)) static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

// Ends the program where a call gave a negative number.
static inline long must(long result, const char *what) {
    if (result < 0) die(what);
    return result;
}

// The work of one order, shared by its threads.
struct work {
    void *(*start)(void); // gives what one thread needs
    void (*once)(void *state);
    void (*stop)(void *state);
    uint64_t *times;
    unsigned long count;
    atomic_ulong next;
};

static inline void *run_work(void *argument) {
    struct work *work = argument;
    void *state = work->start != NULL ? work->start() : NULL;
    for (unsigned long i; (i = atomic_fetch_add(&work->next, 1)) < work->count;) {
        uint64_t begun = now_ns();
        work->once(state);
        work->times[i] = now_ns() - begun;
    }
    work->stop(state);
    return NULL;
}

// Does what the benchmark orders on standard input until its end. An order is "COUNT THREADS"; the answer is each time
// in nanoseconds, then "done" and the time of the whole.
static inline void serve_orders(void *(*start)(void), void (*once)(void *state), void (*stop)(void *state)) {
    unsigned long count, threads;
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        pthread_t others[MOST_THREADS];
        if (sscanf(line, "%lu %lu", &count, &threads) != 2 || threads < 1 || threads > MOST_THREADS) die(line);
        struct work work = {start, once, stop, calloc(count + 1, sizeof(uint64_t)), count, 0};
        if (work.times == NULL) die("calloc");
        uint64_t begun = now_ns();
        for (unsigned long i = 1; i < threads; i++) pthread_create(&others[i], NULL, run_work, &work);
        run_work(&work);
        for (unsigned long i = 1; i < threads; i++) pthread_join(others[i], NULL);
        uint64_t wall = now_ns() - begun;
        for (unsigned long i = 0; i < count; i++) printf("%llu\n", (unsigned long long)work.times[i]);
        printf("done %llu\n", (unsigned long long)wall);
        fflush(stdout);
        free(work.times);
    }
}
