// The steps that set addresses, routes, neighbours and the rate of a network device.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "network_steps.h"

namespace {

// An address of either family, in network byte order.
struct Address {
    uint8_t family = AF_UNSPEC, length = 0;
    uint8_t bytes[16] = {};
};

bool parse_address(const std::string &text, Address *address) {
    address->family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
    address->length = address->family == AF_INET ? 4 : 16;
    return inet_pton(address->family, text.c_str(), address->bytes) == 1;
}

} // namespace

// address(device, address, number): `number` is the length of the prefix. No duplicate address detection: niwad gives
// each address once.
NetlinkAnswer add_address(const NetworkStep &step, int index, NetlinkSocket &netlink) {
    Address address;
    if (!parse_address(step.address, &address)) return {-EINVAL, ""};
    NetlinkMessage message(RTM_NEWADDR, kMake);
    ifaddrmsg header = {};
    header.ifa_family = address.family;
    header.ifa_prefixlen = static_cast<uint8_t>(step.number);
    header.ifa_flags = address.family == AF_INET6 ? IFA_F_NODAD : 0;
    header.ifa_index = static_cast<uint32_t>(index);
    message.part(header);
    message.put(IFA_LOCAL, address.bytes, address.length);
    message.put(IFA_ADDRESS, address.bytes, address.length);
    return netlink.request(message);
}

// route(device, address, gateway): a route to this one address on the link; with a gateway, the default route of its
// family.
NetlinkAnswer add_route(const NetworkStep &step, int index, NetlinkSocket &netlink) {
    Address address;
    bool everywhere = !step.gateway.empty();
    if (!parse_address(everywhere ? step.gateway : step.address, &address)) return {-EINVAL, ""};
    NetlinkMessage message(RTM_NEWROUTE, kMake);
    rtmsg route = {};
    route.rtm_family = address.family;
    route.rtm_dst_len = everywhere ? 0 : static_cast<uint8_t>(address.length * 8);
    route.rtm_table = RT_TABLE_MAIN;
    route.rtm_protocol = RTPROT_STATIC;
    route.rtm_scope = everywhere || address.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route.rtm_type = RTN_UNICAST;
    message.part(route);
    message.put(everywhere ? RTA_GATEWAY : RTA_DST, address.bytes, address.length);
    message.put_u32(RTA_OIF, static_cast<uint32_t>(index));
    return netlink.request(message);
}

// neighbour(device, address, mac, add): a permanent entry for the MAC of an address. The kernel then never asks for it,
// so no container can answer for the address of another.
NetlinkAnswer change_neighbour(const NetworkStep &step, int index, NetlinkSocket &netlink) {
    Address address;
    Mac mac;
    if (!parse_address(step.address, &address) || !mac.parse(step.mac)) return {-EINVAL, ""};
    NetlinkMessage message(step.add ? RTM_NEWNEIGH : RTM_DELNEIGH, step.add ? kReplace : kChange);
    ndmsg neighbour = {};
    neighbour.ndm_family = address.family;
    neighbour.ndm_ifindex = index;
    neighbour.ndm_state = NUD_PERMANENT;
    message.part(neighbour);
    message.put(NDA_DST, address.bytes, address.length);
    if (step.add) message.put(NDA_LLADDR, mac.bytes, sizeof mac.bytes);
    return netlink.request(message);
}

// rate(device, bytes per second): a token bucket, see tc-tbf(8). A tenth of a second waits in the queue at most; the
// bucket holds a hundredth of one, and the largest packet that the kernel makes.
NetlinkAnswer limit_rate(const NetworkStep &step, int index, NetlinkSocket &netlink) {
    const uint64_t rate = step.bytes_per_second;
    auto within = [](uint64_t bytes) {
        return static_cast<uint32_t>(std::clamp<uint64_t>(bytes, 2 * 65536, 1u << 30));
    };
    NetlinkMessage message(RTM_NEWQDISC, kReplace);
    tcmsg qdisc = {};
    qdisc.tcm_ifindex = index;
    qdisc.tcm_parent = TC_H_ROOT;
    qdisc.tcm_handle = TC_H_MAKE(1u << 16, 0);
    message.part(qdisc);
    message.put(TCA_KIND, "tbf");
    size_t options = message.begin(TCA_OPTIONS);
    tc_tbf_qopt tbf = {};
    tbf.rate.linklayer = TC_LINKLAYER_ETHERNET; // then the kernel needs no rate table
    tbf.rate.rate = static_cast<uint32_t>(std::min<uint64_t>(rate, UINT32_MAX));
    tbf.limit = within(rate / 10);
    message.put(TCA_TBF_PARMS, &tbf, sizeof tbf);
    message.put_u32(TCA_TBF_BURST, within(rate / 100));
    message.put(TCA_TBF_RATE64, &rate, sizeof rate);
    message.end(options);
    return netlink.request(message);
}
