// The steps that make, change and remove network devices.
#include <cerrno>
#include <cstdio>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <unistd.h>

#include "network_steps.h"

namespace {

NetlinkMessage link_message(uint16_t type, uint16_t flags, bool up) {
    NetlinkMessage message(type, flags);
    ifinfomsg link = {};
    link.ifi_flags = link.ifi_change = up ? IFF_UP : 0;
    message.part(link);
    return message;
}

constexpr uint8_t kOperUnknown = 0, kOperUp = 6; // of <linux/if.h>, which cannot be included beside <net/if.h>
constexpr int kCarrierLooks = 100;
constexpr useconds_t kCarrierPauseUsec = 500;

uint8_t oper_state(const nlmsghdr *header) {
    const auto *link = static_cast<const ifinfomsg *>(NLMSG_DATA(header));
    auto left = static_cast<int>(IFLA_PAYLOAD(header));
    for (const rtattr *attribute = IFLA_RTA(link); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
        if (attribute->rta_type == IFLA_OPERSTATE) return *static_cast<const uint8_t *>(RTA_DATA(attribute));
    return kOperUnknown;
}

} // namespace

bool Mac::parse(const std::string &text) {
    auto *b = bytes;
    return sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", b, b + 1, b + 2, b + 3, b + 4, b + 5) == 6;
}

int index_of(const std::string &device) {
    unsigned index = if_nametoindex(device.c_str());
    return index == 0 ? -errno : static_cast<int>(index);
}

// bridge(device, mac): makes a bridge without multicast snooping, and sets it up.
NetlinkAnswer make_bridge(const NetworkStep &step, NetlinkSocket &netlink) {
    Mac mac;
    if (!mac.parse(step.mac)) return {-EINVAL, ""};
    NetlinkMessage message = link_message(RTM_NEWLINK, kMake, true);
    message.put(IFLA_IFNAME, step.device);
    message.put(IFLA_ADDRESS, mac.bytes, sizeof mac.bytes);
    size_t info = message.begin(IFLA_LINKINFO);
    message.put(IFLA_INFO_KIND, "bridge");
    size_t data = message.begin(IFLA_INFO_DATA);
    message.put_u8(IFLA_BR_MCAST_SNOOPING, 0);
    message.end(data);
    message.end(info);
    return netlink.request(message);
}

// veth(device, mac, bridge, peer mac, number): makes a pair. The end on the host is a port of the bridge, and up; the
// other end is eth0 in the container. `number` is the MTU.
NetlinkAnswer make_veth(const NetworkStep &step, const Fd &inside_namespace, NetlinkSocket &netlink) {
    Mac mac, peer_mac;
    int bridge = index_of(step.bridge);
    if (bridge < 0) return {bridge, ""};
    if (!mac.parse(step.mac) || !peer_mac.parse(step.peer_mac)) return {-EINVAL, ""};
    NetlinkMessage message = link_message(RTM_NEWLINK, kMake, true);
    message.put(IFLA_IFNAME, step.device);
    message.put(IFLA_ADDRESS, mac.bytes, sizeof mac.bytes);
    message.put_u32(IFLA_MTU, step.number);
    message.put_u32(IFLA_MASTER, static_cast<uint32_t>(bridge));
    size_t info = message.begin(IFLA_LINKINFO);
    message.put(IFLA_INFO_KIND, "veth");
    size_t data = message.begin(IFLA_INFO_DATA);
    size_t peer = message.begin(VETH_INFO_PEER);
    message.part(ifinfomsg{});
    message.put(IFLA_IFNAME, "eth0");
    message.put(IFLA_ADDRESS, peer_mac.bytes, sizeof peer_mac.bytes);
    message.put_u32(IFLA_MTU, step.number);
    message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(inside_namespace.get()));
    message.end(peer);
    message.end(data);
    message.end(info);
    return netlink.request(message);
}

// hairpin(device): lets the bridge send a packet out of the port by which the packet came in.
NetlinkAnswer let_hairpin(const NetworkStep &step, NetlinkSocket &netlink) {
    NetlinkMessage message = link_message(RTM_NEWLINK, kChange, false);
    message.put(IFLA_IFNAME, step.device);
    size_t info = message.begin(IFLA_LINKINFO);
    message.put(IFLA_INFO_SLAVE_KIND, "bridge");
    size_t data = message.begin(IFLA_INFO_SLAVE_DATA);
    message.put_u8(IFLA_BRPORT_MODE, 1);
    message.end(data);
    message.end(info);
    return netlink.request(message);
}

// quiet(device): the kernel makes no link-local address, so that the device sends nothing by itself.
NetlinkAnswer make_quiet(const NetworkStep &step, NetlinkSocket &netlink) {
    NetlinkMessage message = link_message(RTM_NEWLINK, kChange, false);
    message.put(IFLA_IFNAME, step.device);
    size_t families = message.begin(IFLA_AF_SPEC);
    size_t ipv6 = message.begin(AF_INET6);
    message.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    message.end(ipv6);
    message.end(families);
    return netlink.request(message);
}

// up(device)
NetlinkAnswer set_up(const NetworkStep &step, NetlinkSocket &netlink) {
    NetlinkMessage message = link_message(RTM_NEWLINK, kChange, true);
    message.put(IFLA_IFNAME, step.device);
    return netlink.request(message);
}

// carrier(device): waits until the kernel has noticed that an interface carries packets; link watch does so a moment
// after the interface is up, and the queue of the interface drops packets until then. The question itself makes newer
// kernels run link watch for the interface (rtnl_getlink()); older ones are asked until it has run. An interface that
// does not come up is no reason to fail a start.
NetlinkAnswer await_carrier(const NetworkStep &step, NetlinkSocket &netlink) {
    for (int look = 0; look < kCarrierLooks; look++) {
        uint8_t state = kOperUnknown;
        NetlinkMessage message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK);
        message.part(ifinfomsg{});
        message.put(IFLA_IFNAME, step.device);
        message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        NetlinkAnswer answer = netlink.dump(message, [&state](const nlmsghdr *header) { state = oper_state(header); });
        if (answer.error < 0 || state == kOperUp) return answer;
        usleep(kCarrierPauseUsec);
    }
    return {};
}

// delete(device)
NetlinkAnswer delete_link(const NetworkStep &step, NetlinkSocket &netlink) {
    NetlinkMessage message = link_message(RTM_DELLINK, kChange, false);
    message.put(IFLA_IFNAME, step.device);
    return netlink.request(message);
}
