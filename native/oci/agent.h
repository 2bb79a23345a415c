// The agent that answers the system calls of a process whose filter asks it (SCMP_ACT_NOTIFY), see seccomp_unotify(2):
// it gets the listener of the filter, with the container process state of the OCI.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "order.h"

// Takes the listener that a process has under this number. Gives its descriptor, -EBADF where the process does not have
// it yet, or another negative errno where it does not get one.
int take_listener(int pidfd, int number);

// Sends a listener to the agent of an order, and closes it. Ends the program where the agent does not take it.
void give_listener(const struct order *order, pid_t pid, int listener);
