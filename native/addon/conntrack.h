// The connections that the kernel tracks (nf_conntrack), by ctnetlink.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "netlink.h"

// The addresses of one family with the same first `prefix` bits.
struct AddressRange {
    uint8_t family = 0, prefix = 0;
    uint8_t bytes[16] = {};

    // Parses "10.0.0.0/16" or a single address. Gives whether it is one.
    bool parse(const std::string &text);
    bool has(const std::string &address) const;
};

// The addresses whose flows are to be forgotten: those of the ranges, without those of `but` (bytes in network order).
struct FlowOwners {
    std::vector<AddressRange> ranges;
    std::unordered_set<std::string> but;
};

// Makes the kernel forget every UDP flow to a port. The rules are applied to the first packet of a flow only: a flow
// that began before the rules changed would keep its old translation for as long as packets come. `netlink` is of
// NETLINK_NETFILTER.
NetlinkAnswer forget_udp_flows(NetlinkSocket &netlink, uint16_t port);

// Makes the kernel forget every flow that an owner began or answers: later packets of the other side then reach nobody,
// also after the address has a new owner. `netlink` is of NETLINK_NETFILTER.
NetlinkAnswer forget_flows_of(NetlinkSocket &netlink, const FlowOwners &owners);
