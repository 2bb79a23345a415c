// The steps of network.cc, a function each: from what a step says to the kernel's answer.
#pragma once
#include <string>

#include "../core/fd.h"
#include "netlink.h"
#include "network.h"

constexpr uint16_t kMake = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
constexpr uint16_t kReplace = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
constexpr uint16_t kChange = NLM_F_REQUEST | NLM_F_ACK;

struct Mac {
    uint8_t bytes[6] = {};

    // Parses "02:00:00:00:00:01". Gives whether it is one.
    bool parse(const std::string &text);
};

// network_links.cc: `netlink` is of the namespace that the device is in.
NetlinkAnswer make_bridge(const NetworkStep &step, NetlinkSocket &netlink);
NetlinkAnswer make_veth(const NetworkStep &step, const Fd &inside_namespace, NetlinkSocket &netlink);
NetlinkAnswer let_hairpin(const NetworkStep &step, NetlinkSocket &netlink);
NetlinkAnswer make_quiet(const NetworkStep &step, NetlinkSocket &netlink);
NetlinkAnswer set_up(const NetworkStep &step, NetlinkSocket &netlink);
NetlinkAnswer await_carrier(const NetworkStep &step, NetlinkSocket &netlink);
NetlinkAnswer delete_link(const NetworkStep &step, NetlinkSocket &netlink);

// network_addresses.cc: `index` is the number of the device, as index_of() gives it.
NetlinkAnswer add_address(const NetworkStep &step, int index, NetlinkSocket &netlink);
NetlinkAnswer add_route(const NetworkStep &step, int index, NetlinkSocket &netlink);
NetlinkAnswer change_neighbour(const NetworkStep &step, int index, NetlinkSocket &netlink);
NetlinkAnswer limit_rate(const NetworkStep &step, int index, NetlinkSocket &netlink);

// The number of a device in the network namespace of this thread, or a negative errno.
int index_of(const std::string &device);
