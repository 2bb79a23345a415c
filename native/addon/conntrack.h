// The connections that the kernel follows (nf_conntrack), by ctnetlink.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "netlink.h"

// Addresses of one family that begin alike.
struct AddressRange {
    uint8_t family = 0, prefix = 0;
    uint8_t bytes[16] = {};

    // Parses "10.0.0.0/16" or a single address. Gives whether it is one.
    bool parse(const std::string &text);
    bool has(const std::string &address) const;
};

// Whose flows are meant: those of the ranges, but not of these addresses, which are bytes in network order.
struct FlowOwners {
    std::vector<AddressRange> ranges;
    std::unordered_set<std::string> but;
};

// Forgets every UDP flow to a port, whatever its addresses: what comes next is looked at by the rules of now. Where a
// flow began under other rules it would else be led by those as long as it goes on. `netlink` is of NETLINK_NETFILTER.
NetlinkAnswer forget_udp_flows(NetlinkSocket &netlink, uint16_t port);

// Forgets every flow that an owner began or answers: what the other side goes on sending is led to nobody. `netlink` is
// of NETLINK_NETFILTER.
NetlinkAnswer forget_flows_of(NetlinkSocket &netlink, const FlowOwners &owners);
