// Signals to the first process of a container. It is the init of its PID namespace: the kernel drops signals to it that
// it has no handler for (pid_namespaces(7)).
#pragma once
#include <sys/types.h>

#include "container.h"

// What a signal to a process does.
enum class SignalEffect {
    kActs, // the process handles or ignores it; or the process is no init of a namespace: then its default action runs
    kBlocked, // it is pending until the process reads it (signalfd, sigwait) or unblocks it; unblocked, it may be
              // dropped
    kDropped, // the kernel drops it: `pid` is the first process of its PID namespace and has no handler
};

// Gives what `signal` would do to the process `pid` now. It makes no sense to wait until a process has acted on a
// signal that the kernel drops.
SignalEffect effect_of(pid_t pid, int signal);

// Sends `signal` to the first process. If the kernel would drop the signal, and the default action of the signal is to
// end a process, kills the group: the same happens as without a PID namespace. Gives the signal that was sent, `signal`
// or SIGKILL, or -errno.
int send_with_default_action(const Container &container, int signal);
