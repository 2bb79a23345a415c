#include "conntrack.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

namespace {

constexpr uint16_t kSubsystem = NFNL_SUBSYS_CTNETLINK << 8;

NetlinkMessage conntrack_message(uint8_t operation, uint16_t flags, uint8_t family) {
    NetlinkMessage message(kSubsystem | operation, flags);
    nfgenmsg header = {};
    header.nfgen_family = family;
    message.part(header);
    return message;
}

NetlinkMessage dump_message(uint8_t family) {
    return conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, family);
}

uint8_t bytes_of(uint8_t family) {
    return family == AF_INET ? 4 : 16;
}
uint16_t source_attribute(uint8_t family) {
    return family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
}

// A flow as the kernel reports it: the addresses and ports of its first packet, and of the answer.
struct Flow {
    uint8_t family = 0;
    NetlinkAttributes all;

    explicit Flow(const nlmsghdr *entry) {
        all = NetlinkAttributes::of(entry, sizeof(nfgenmsg));
        if (all.at != nullptr) family = static_cast<const nfgenmsg *>(NLMSG_DATA(entry))->nfgen_family;
    }

    // Gives the source of a direction, CTA_TUPLE_*, in network order.
    std::string source(uint16_t direction) const {
        NetlinkAttributes found = all.find(direction).find(CTA_TUPLE_IP).find(source_attribute(family));
        return {found.at, found.length};
    }

    // A message that deletes exactly this flow, by zone and id: the same addresses may be in use in another zone, or by
    // a newer flow. The id does not tell a newer flow from this one where the kernel made it in the same memory, as it
    // does when a client uses a port again. So `direction` is the one whose source is the address that has gone: a
    // newer flow of the same client to a published port or a service leads to another address.
    NetlinkMessage deletion(uint16_t direction) const {
        NetlinkMessage message = conntrack_message(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, family);
        NetlinkAttributes tuple = all.find(direction), id = all.find(CTA_ID), zone = all.find(CTA_ZONE);
        message.put(static_cast<uint16_t>(direction | NLA_F_NESTED), tuple.at, tuple.length);
        message.put(CTA_ID, id.at, id.length);
        if (zone.length > 0) message.put(CTA_ZONE, zone.at, zone.length);
        return message;
    }
};

// Gives the direction by which a flow is to be deleted, CTA_TUPLE_*; 0 for a flow that stays.
using Which = std::function<uint16_t(const Flow &flow)>;

// Deletes the flows of a dump that are meant. Flows that have ended meanwhile are no error.
NetlinkAnswer forget_where(NetlinkSocket &netlink, NetlinkMessage &dump, const Which &meant) {
    std::vector<NetlinkMessage> found;
    NetlinkAnswer answer = netlink.dump(dump, [&found, &meant](const nlmsghdr *entry) {
        Flow flow(entry);
        if (uint16_t direction = meant(flow)) found.push_back(flow.deletion(direction));
    });
    for (NetlinkMessage &message : found) {
        NetlinkAnswer deleted = netlink.request(message);
        if (deleted.error < 0 && deleted.error != -ENOENT && answer.error == 0) answer = deleted;
    }
    return answer;
}

// A request for the flows with this source in a direction. A kernel before 5.8 does not know the filter, and reports
// all.
NetlinkMessage filtered_dump(const AddressRange &address, uint16_t direction) {
    constexpr uint32_t kSource = 1; // CTA_FILTER_FLAG(CTA_IP_SRC) of the kernel's nf_internals.h
    NetlinkMessage message = dump_message(address.family);
    size_t tuple = message.begin(direction), ip = message.begin(CTA_TUPLE_IP);
    message.put(source_attribute(address.family), address.bytes, bytes_of(address.family));
    message.end(ip);
    message.end(tuple);
    size_t filter = message.begin(CTA_FILTER);
    message.put_u32(CTA_FILTER_ORIG_FLAGS, direction == CTA_TUPLE_ORIG ? kSource : 0);
    message.put_u32(CTA_FILTER_REPLY_FLAGS, direction == CTA_TUPLE_REPLY ? kSource : 0);
    message.end(filter);
    return message;
}

// A dump with a filter goes over the whole table too. For up to this many addresses that costs less than one dump of
// all flows.
constexpr size_t kFew = 2;

} // namespace

bool AddressRange::parse(const std::string &text) {
    const size_t slash = text.find('/');
    family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
    const unsigned bits = 8u * bytes_of(family);
    const unsigned length = slash == std::string::npos ? bits : static_cast<unsigned>(atoi(text.c_str() + slash + 1));
    prefix = static_cast<uint8_t>(length);
    return length <= bits && inet_pton(family, text.substr(0, slash).c_str(), bytes) == 1;
}

bool AddressRange::has(const std::string &address) const {
    if (address.size() != bytes_of(family)) return false;
    const size_t whole = prefix / 8u;
    if (memcmp(address.data(), bytes, whole) != 0) return false;
    const unsigned rest = prefix % 8u;
    return rest == 0 || (static_cast<uint8_t>(address[whole]) ^ bytes[whole]) >> (8 - rest) == 0;
}

NetlinkAnswer forget_udp_flows(NetlinkSocket &netlink, uint16_t port) {
    NetlinkMessage all = dump_message(AF_UNSPEC);
    return forget_where(netlink, all, [port](const Flow &flow) -> uint16_t {
        NetlinkAttributes protocol = flow.all.find(CTA_TUPLE_ORIG).find(CTA_TUPLE_PROTO);
        const bool is_meant = protocol.find(CTA_PROTO_NUM).number<uint8_t>() == IPPROTO_UDP &&
                              ntohs(protocol.find(CTA_PROTO_DST_PORT).number<uint16_t>()) == port;
        return is_meant ? CTA_TUPLE_ORIG : 0;
    });
}

NetlinkAnswer forget_flows_of(NetlinkSocket &netlink, const FlowOwners &owners) {
    auto is_owner = [&owners](const std::string &address) {
        auto has = [&address](const AddressRange &range) { return range.has(address); };
        return owners.but.count(address) == 0 && std::any_of(owners.ranges.begin(), owners.ranges.end(), has);
    };
    auto meant = [&is_owner](const Flow &flow) -> uint16_t {
        if (is_owner(flow.source(CTA_TUPLE_REPLY))) return CTA_TUPLE_REPLY;
        return is_owner(flow.source(CTA_TUPLE_ORIG)) ? CTA_TUPLE_ORIG : 0;
    };
    auto is_single = [](const AddressRange &range) { return range.prefix == 8 * bytes_of(range.family); };
    const auto &ranges = owners.ranges;
    std::vector<NetlinkMessage> dumps;
    if (ranges.size() > kFew || !std::all_of(ranges.begin(), ranges.end(), is_single))
        dumps.push_back(dump_message(AF_UNSPEC));
    else
        for (const AddressRange &range : ranges)
            for (uint16_t direction : {CTA_TUPLE_ORIG, CTA_TUPLE_REPLY})
                dumps.push_back(filtered_dump(range, direction));
    for (NetlinkMessage &dump : dumps) {
        NetlinkAnswer answer = forget_where(netlink, dump, meant);
        if (answer.error < 0) return answer;
    }
    return {};
}
