// The process that CRIU dumps. CRIU knows it by its pid alone: when it has ended, another process may have the pid. So
// CRIU calls this program, as its action script, before the dump, at its steps, and after it: at that time it holds the
// process, and has not ended it yet.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// A pid, and the start time of its process, field 22 of /proc/PID/stat: together they are unique for the whole boot.
struct dumped {
    pid_t pid;
    const char *start;
};

bool is_still(const struct dumped *process);

// Lets programs that this one starts from now on find the process, as is_action() and answer_action() do.
void announce_dumped(const struct dumped *process);

// Whether CRIU has called this program as its action script.
bool is_action(void);

// Gives the exit status for CRIU: 0 where the process is still the one that was announced; else the dump fails.
int answer_action(void);
