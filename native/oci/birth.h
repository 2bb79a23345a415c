// A process of a container, made below this program: engines that are subreapers wait for it. It is the first one, or a
// further one of an exec.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "ready.h"
#include "wire.h"

struct born {
    pid_t pid;
    int pidfd;
    const char *made; // the id of the container in niwad, when niwad has it
    int control;      // to niwa-boot, which waits for its start
    int terminal;     // the master side of its terminal, or -1
    bool moves;       // whether this is an exec that has still to leave its place to a process in the PID namespace
    bool is_seen;     // whether it has left its place: processes of a PID namespace may see it, and stop it
    int listener;     // the number that the listener of its filter has in `asker`, until the agent has it, else -1
    pid_t asker;
    bool has_agent;         // whether the agent has the listener
    int timeout_ms;         // how long its boot program may take for a report, -1 for any time
    bool is_removed;        // whether niwad removes the container when it has ended
    struct readiness ready; // the word of a container that is started with its create
};

// Makes the process that `birth` (FRAME_BIRTH) describes, and lets it run its program up to the wait. Where a step
// fails, tells niwad, and ends the program with niwad's words. Until keep_born() (unkept.h) the process ends with this
// program. The process has the `kept` descriptors of this program from 3 on, see kept.h.
struct born give_birth(int niwad, const struct frame *birth, size_t kept);

// Lets the process of an exec execute its program. Where that fails, as give_birth().
void execute_born(int niwad, struct born *born);

// Lets niwad undo the process that it waits for when this program ends, and waits for that: then the name of the
// container is free again. From -1 on it does not.
void undo_at_exit(int niwad);
