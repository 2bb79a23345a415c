// The connections that the kernel follows (nf_conntrack), by ctnetlink.
#pragma once
#include <cstdint>

#include "netlink.h"

// Forgets every UDP flow to a port, whatever its addresses: what comes next is looked at by the rules of now. Where a
// flow began under other rules it would else be led by those as long as it goes on. `netlink` is of NETLINK_NETFILTER.
NetlinkAnswer forget_udp_flows(NetlinkSocket &netlink, uint16_t port);
