// The agent that answers the system calls of a process whose filter asks it (SCMP_ACT_NOTIFY), see seccomp_unotify(2):
// it gets the listener of the filter, with the container process state of the OCI.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "order.h"

// Takes the listener that a process has under this number, or is about to have, and sends it to the agent. Does nothing
// where the process does not get one, which its control socket then says. Ends the program where the agent does not
// take it.
void give_listener(const struct order *order, int pidfd, pid_t pid, int number, int control);
