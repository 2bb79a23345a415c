// The sockets of a port in a container's network namespace, by sock_diag(7).
#pragma once
#include <cstdint>

#include "../core/fd.h"

struct PortSockets {
    bool listening = false;   // TCP: a socket listens; UDP: a socket is bound
    uint32_t connections = 0; // TCP connections to the port on which bytes may still be on their way
};

// Counts the sockets of a port (`protocol` is IPPROTO_TCP or IPPROTO_UDP) in the network namespace of the process
// behind a pidfd, without those of its loopback addresses: nobody else can reach these. Gives 0 or a negative errno.
// Blocks, about a millisecond.
int count_sockets(const Fd &pidfd, uint8_t protocol, uint16_t port, PortSockets *found);
