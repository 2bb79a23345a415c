#include "network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>

#include "conntrack.h"
#include "netlink.h"

namespace {

constexpr uint16_t kMake = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
constexpr uint16_t kReplace = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
constexpr uint16_t kChange = NLM_F_REQUEST | NLM_F_ACK;

// The sockets and namespaces that the steps work with.
struct Place {
    NetlinkSocket outside, inside, netfilter;
    Fd inside_namespace, counters;
};

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

struct Mac {
    uint8_t bytes[6] = {};
    bool parse(const std::string &text) {
        auto *b = bytes;
        return sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", b, b + 1, b + 2, b + 3, b + 4, b + 5) == 6;
    }
};

// The number of an interface in the namespace of this thread, or -errno. A link is named in a message by that.
int index_of(const std::string &device) {
    unsigned index = if_nametoindex(device.c_str());
    return index == 0 ? -errno : static_cast<int>(index);
}

NetlinkMessage link_message(uint16_t type, uint16_t flags, bool up) {
    NetlinkMessage message(type, flags);
    ifinfomsg link = {};
    link.ifi_flags = link.ifi_change = up ? IFF_UP : 0;
    message.part(link);
    return message;
}

// bridge(device, mac): without learning from the air who else would be there, and up.
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

// veth(device, mac, bridge, peer mac, number): a pair with its host end on the bridge and up, and its other end, eth0,
// in the container; `number` is the MTU.
NetlinkAnswer make_veth(const NetworkStep &step, Place &place) {
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
    message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(place.inside_namespace.get()));
    message.end(peer);
    message.end(data);
    message.end(info);
    return place.outside.request(message);
}

// hairpin(device): the bridge may send out of this port what came in by it.
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

// quiet(device): no address of its own making, so that it says nothing by itself.
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

// delete(device)
NetlinkAnswer delete_link(const NetworkStep &step, NetlinkSocket &netlink) {
    NetlinkMessage message = link_message(RTM_DELLINK, kChange, false);
    message.put(IFLA_IFNAME, step.device);
    return netlink.request(message);
}

// address(device, address, number): `number` is the length of the prefix. There is no duplicate on the segment to look
// for.
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

// route(device, address, gateway): to the one address on the link, or with a gateway by that to everywhere of its
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

// neighbour(device, address, mac, add): who has an address is told, not asked: nobody can answer for another.
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
    tbf.rate.linklayer = TC_LINKLAYER_ETHERNET; // so that the kernel asks for no table of times
    tbf.rate.rate = static_cast<uint32_t>(std::min<uint64_t>(rate, UINT32_MAX));
    tbf.limit = within(rate / 10);
    message.put(TCA_TBF_PARMS, &tbf, sizeof tbf);
    message.put_u32(TCA_TBF_BURST, within(rate / 100));
    message.put(TCA_TBF_RATE64, &rate, sizeof rate);
    message.end(options);
    return netlink.request(message);
}

NetlinkMessage element_message(const SetElement &element, bool add) {
    uint16_t type = add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM;
    NetlinkMessage message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), add ? kMake : kChange);
    nfgenmsg header = {};
    header.nfgen_family = element.family;
    message.part(header);
    message.put(NFTA_SET_ELEM_LIST_TABLE, element.table);
    message.put(NFTA_SET_ELEM_LIST_SET, element.set);
    auto put_value = [&message](uint16_t attribute, const std::vector<uint8_t> &bytes) {
        size_t value = message.begin(attribute);
        message.put(NFTA_DATA_VALUE, bytes.data(), bytes.size());
        message.end(value);
    };
    size_t list = message.begin(NFTA_SET_ELEM_LIST_ELEMENTS);
    size_t item = message.begin(NFTA_LIST_ELEM);
    put_value(NFTA_SET_ELEM_KEY, element.key);
    if (add && !element.data.empty()) put_value(NFTA_SET_ELEM_DATA, element.data);
    message.end(item);
    message.end(list);
    return message;
}

// elements(elements, add): of sets of nftables, all or none.
NetlinkAnswer change_elements(const NetworkStep &step, Place &place) {
    int error = place.netfilter.valid() ? 0 : place.netfilter.open(NETLINK_NETFILTER);
    if (error < 0) return {error, ""};
    std::vector<NetlinkMessage> messages;
    for (const SetElement &element : step.elements) messages.push_back(element_message(element, step.add));
    return place.netfilter.batch(messages);
}

// forget(number): the UDP flows to a port that began before it was published.
NetlinkAnswer forget_flows(const NetworkStep &step, Place &place) {
    int error = place.netfilter.valid() ? 0 : place.netfilter.open(NETLINK_NETFILTER);
    return error < 0 ? NetlinkAnswer{error, ""} : forget_udp_flows(place.netfilter, static_cast<uint16_t>(step.number));
}

// count(): opens the counters of the container's interfaces, see proc_net_dev(5). As long as they are open the
// namespace stays, and all in it: they can be read when the last process has gone.
NetlinkAnswer open_counters(const Fd &pidfd, Place &place) {
    NetworkNamespaceGuard guard;
    int error = guard.enter(pidfd);
    if (error < 0) return {error, ""};
    place.counters.reset(open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC));
    return {place.counters.valid() ? 0 : -errno, ""};
}

// What acts on one interface by its number, which is looked up where the interface is.
using OnDevice = NetlinkAnswer (*)(const NetworkStep &step, int index, NetlinkSocket &netlink);

NetlinkAnswer on_device(OnDevice act, const NetworkStep &step, const Fd &pidfd, NetlinkSocket &netlink) {
    NetworkNamespaceGuard guard;
    int error = step.inside ? guard.enter(pidfd) : 0;
    int index = error < 0 ? error : index_of(step.device);
    return index < 0 ? NetlinkAnswer{index, ""} : act(step, index, netlink);
}

NetlinkAnswer run_step(const NetworkStep &step, const Fd &pidfd, Place &place) {
    NetlinkSocket &netlink = step.inside ? place.inside : place.outside;
    const std::string &operation = step.operation;
    if (operation == "veth") return make_veth(step, place);
    if (operation == "count") return open_counters(pidfd, place);
    if (operation == "elements") return change_elements(step, place);
    if (operation == "forget") return forget_flows(step, place);
    if (operation == "bridge") return make_bridge(step, netlink);
    if (operation == "hairpin") return let_hairpin(step, netlink);
    if (operation == "quiet") return make_quiet(step, netlink);
    if (operation == "up") return set_up(step, netlink);
    if (operation == "delete") return delete_link(step, netlink);
    if (operation == "address") return on_device(add_address, step, pidfd, netlink);
    if (operation == "route") return on_device(add_route, step, pidfd, netlink);
    if (operation == "neighbour") return on_device(change_neighbour, step, pidfd, netlink);
    if (operation == "rate") return on_device(limit_rate, step, pidfd, netlink);
    return {-EBADMSG, ""};
}

// Opens what the steps need; what is inside only where one of them is.
int open_place(const std::vector<NetworkStep> &steps, const Fd &pidfd, Place *place) {
    int error = place->outside.open(NETLINK_ROUTE);
    bool inside = std::any_of(steps.begin(), steps.end(), [](const NetworkStep &step) { return step.inside; });
    if (error < 0 || !inside) return error;
    NetworkNamespaceGuard guard;
    error = guard.enter(pidfd);
    if (error < 0) return error;
    place->inside_namespace.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    return place->inside_namespace.valid() ? place->inside.open(NETLINK_ROUTE) : -errno;
}

} // namespace

int NetworkNamespaceGuard::enter(const Fd &pidfd) {
    own_.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    return own_.valid() && setns(pidfd.get(), CLONE_NEWNET) == 0 ? 0 : -errno;
}

NetworkNamespaceGuard::~NetworkNamespaceGuard() {
    // A thread that stayed in a container's network would do the work of others there.
    if (own_.valid() && setns(own_.get(), CLONE_NEWNET) < 0) abort();
}

NetworkFailure run_network_steps(const std::vector<NetworkStep> &steps, const Fd &pidfd, Fd *counters) {
    Place place;
    int error = open_place(steps, pidfd, &place);
    if (error < 0) return {0, -error, ""};
    for (uint32_t i = 0; i < steps.size(); i++) {
        NetlinkAnswer answer = run_step(steps[i], pidfd, place);
        if (answer.error < 0 && !steps[i].optional) return {i, -answer.error, answer.text};
    }
    *counters = std::move(place.counters);
    return {};
}
