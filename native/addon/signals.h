// Signals to the first process of a container, which the kernel shields as the init of its PID namespace.
#pragma once
#include <sys/types.h>

#include "container.h"

// False where `pid` is the first process of its PID namespace and neither handles, blocks nor ignores `signal`: the
// kernel then drops it without effect (pid_namespaces(7)), and waiting for the process to act on it would be in vain.
bool can_receive(pid_t pid, int signal);

// Sends `signal` to the first process. Where the kernel would drop it although its default action is to end a process,
// the group is killed, as if that action had been taken. Gives the signal that was sent, `signal` or SIGKILL, or
// -errno.
int send_with_default_action(const Container &container, int signal);
