#include "conntrack.h"

#include <arpa/inet.h>
#include <cstring>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

namespace {

constexpr uint16_t kSubsystem = NFNL_SUBSYS_CTNETLINK << 8;

// Bytes of attributes, one after another.
struct Attributes {
    const char *at = nullptr;
    size_t length = 0;

    // Gives what is in the attribute of a type; nothing where there is none.
    Attributes find(uint16_t type) const {
        for (size_t offset = 0; offset + NLA_HDRLEN <= length;) {
            const auto *attribute = reinterpret_cast<const nlattr *>(at + offset);
            if (attribute->nla_len < NLA_HDRLEN || offset + attribute->nla_len > length) break;
            if ((attribute->nla_type & NLA_TYPE_MASK) == type)
                return {at + offset + NLA_HDRLEN, attribute->nla_len - static_cast<size_t>(NLA_HDRLEN)};
            offset += NLA_ALIGN(attribute->nla_len);
        }
        return {};
    }

    template <typename Number> Number number() const {
        Number value = 0;
        if (length >= sizeof value) memcpy(&value, at, sizeof value);
        return value;
    }
};

NetlinkMessage conntrack_message(uint8_t operation, uint16_t flags, uint8_t family) {
    NetlinkMessage message(kSubsystem | operation, flags);
    nfgenmsg header = {};
    header.nfgen_family = family;
    message.part(header);
    return message;
}

} // namespace

NetlinkAnswer forget_udp_flows(NetlinkSocket &netlink, uint16_t port) {
    std::vector<NetlinkMessage> found;
    auto look = [&found, port](const nlmsghdr *entry) {
        constexpr size_t kHead = NLMSG_LENGTH(sizeof(nfgenmsg));
        if (entry->nlmsg_len < kHead) return;
        const char *bytes = reinterpret_cast<const char *>(entry);
        Attributes all = {bytes + kHead, entry->nlmsg_len - kHead};
        Attributes tuple = all.find(CTA_TUPLE_ORIG), id = all.find(CTA_ID);
        Attributes protocol = tuple.find(CTA_TUPLE_PROTO);
        if (protocol.find(CTA_PROTO_NUM).number<uint8_t>() != IPPROTO_UDP ||
            ntohs(protocol.find(CTA_PROTO_DST_PORT).number<uint16_t>()) != port)
            return;
        auto family = static_cast<const nfgenmsg *>(NLMSG_DATA(const_cast<nlmsghdr *>(entry)))->nfgen_family;
        NetlinkMessage message = conntrack_message(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, family);
        message.put(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple.at, tuple.length);
        message.put(CTA_ID, id.at, id.length);
        found.push_back(std::move(message));
    };
    NetlinkMessage all = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, AF_UNSPEC);
    NetlinkAnswer answer = netlink.dump(all, look);
    for (NetlinkMessage &message : found) netlink.request(message); // one that has ended by itself is as good
    return answer;
}
