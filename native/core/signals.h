// Signals to the first process of a container, which the kernel shields as the init of its PID namespace.
#pragma once
#include <sys/types.h>

#include "container.h"

// What becomes of a signal to a process.
enum class Hearing {
    kHeard,   // it is handled or ignored; or the process is no init of a namespace, and the default action is taken
    kBlocked, // it waits: for a signalfd or sigwait, or only for a moment, and then it is dropped
    kDropped, // the kernel drops it: `pid` is the first process of its PID namespace and has no handler
};

// Tells what becomes of `signal` at `pid` now, see pid_namespaces(7). Waiting for a process to act on a signal that is
// dropped would be in vain.
Hearing hearing_of(pid_t pid, int signal);

// Sends `signal` to the first process. Where the kernel would drop it although its default action is to end a process,
// the group is killed, as if that action had been taken. Gives the signal that was sent, `signal` or SIGKILL, or
// -errno.
int send_with_default_action(const Container &container, int signal);
