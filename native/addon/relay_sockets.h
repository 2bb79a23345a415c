// TCP sockets of the relay of connections to services.
#pragma once
#include <cstdint>
#include <string>

#include "../core/fd.h"
#include "service_addresses.h"

// Listens on a port of all addresses of a family. Gives an invalid descriptor and errno where that fails.
Fd listen_on(bool ipv6, uint16_t port);

// Begins to connect to an address in network order. Gives an invalid descriptor where that fails at once.
Fd begin_connect(bool ipv6, const std::string &address, uint16_t port);

// Reads the address that a client has asked for, before the rules have redirected its connection. Gives false where the
// kernel does not know it.
bool original_destination(const Fd &client, bool ipv6, ServiceAddress *asked);

// Lets small pieces go at once, and the kernel ask after a peer that says nothing for long.
void keep_alive(const Fd &connection);

// Closes a connection with a reset.
void reset(Fd connection);
