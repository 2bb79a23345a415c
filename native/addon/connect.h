// Connections to a port inside a container.
#pragma once
#include <cstdint>

#include "../core/fd.h"

// Connects to a TCP port of the loopback interface, 127.0.0.1 or else ::1, in the network namespace of a process. The
// calling thread enters that namespace to make the socket, and leaves it at once. Gives the connected socket,
// non-blocking, or -errno in `*error`.
Fd connect_in(const Fd &pidfd, uint16_t port, int *error);
