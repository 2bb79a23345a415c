#include "dumped.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define ANNOUNCED "NIWA_OCI_DUMPED" // the pid and the start time
#define START_FIELD 22

// The name of the program, field 2, stands in parentheses and may contain spaces and parentheses: the fields are
// counted from the last one.
static const char *start_in(const char *stat) {
    const char *field = strrchr(stat, ')');
    for (int i = 2; i < START_FIELD && field != NULL; i++) field = strchr(field + 1, ' ');
    return field == NULL ? "" : field + 1;
}

bool is_still(const struct dumped *process) {
    char path[64], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", process->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
    if (fd >= 0) close(fd);
    stat[n < 0 ? 0 : n] = 0;
    const char *start = start_in(stat);
    size_t length = strcspn(start, " ");
    return length > 0 && length == strlen(process->start) && strncmp(start, process->start, length) == 0;
}

void announce_dumped(const struct dumped *process) {
    char text[64];
    int length = snprintf(text, sizeof text, "%d %s", process->pid, process->start);
    if (length >= (int)sizeof text || setenv(ANNOUNCED, text, 1) < 0)
        fail("there is no memory for the process of the checkpoint");
}

bool is_action(void) {
    return getenv("CRTOOLS_SCRIPT_ACTION") != NULL && getenv(ANNOUNCED) != NULL;
}

int answer_action(void) {
    char *start;
    long pid = strtol(getenv(ANNOUNCED), &start, 10);
    return *start++ == ' ' && is_still(&(struct dumped){(pid_t)pid, start}) ? 0 : 1;
}
