#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "log.h"

#define LEAST_SECONDS 0.001
#define MOST_SECONDS 1e6

// The seconds of a unit of a time; 0 where there is no such unit.
static double unit_of(const char *name, size_t length) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0) return units[i].seconds;
    return 0;
}

// Gives the seconds of a text such as 500ms, 1m30s or 5; 0 for what is no time.
static double seconds_of(const char *text) {
    char *unit;
    double sum = strtod(text, &unit);
    if (unit != text && *unit == 0) return sum;
    sum = 0;
    while (*text != 0) {
        double value = strtod(text, &unit);
        size_t length = strcspn(unit, "0123456789.");
        if (unit == text || !(value >= 0) || unit_of(unit, length) == 0) return 0;
        sum += value * unit_of(unit, length);
        text = unit + length;
    }
    return sum;
}

void print_events(int niwad, const struct command *command) {
    const char *interval = option(command, "interval");
    double seconds = interval == NULL ? 5 : seconds_of(interval);
    if (!(seconds >= LEAST_SECONDS && seconds <= MOST_SECONDS))
        fail("the interval \"%s\" has to be a time such as 5s or 1m30s", interval);
    struct timespec pause = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (ask(niwad, request_of(command, "events")) && !has_option(command, "stats")) {
        if (fflush(stdout) != 0) return;
        nanosleep(&pause, NULL);
    }
}
