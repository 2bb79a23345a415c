// Network devices of the host that move into the network namespace of a container (linux.netDevices).
#pragma once
#include <sys/types.h>

#include "order.h"

// Moves the devices of the order into the network namespace of a process, with their global addresses, and sets them
// up. Ends the program where one cannot be moved.
void move_devices(const struct order *order, int pidfd, pid_t pid);
