#include "netlink.h"

#include <cerrno>
#include <cstring>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace {

constexpr timeval kPatience = {10, 0};
constexpr size_t kAnswerBytes = 16384;
constexpr int kAnswersBytes = 4 << 20; // one answer takes a page in the worst case, and a batch has many errors
constexpr int kBatchBytes =
    8 << 20; // of one batch: a service may have 64 addresses with 256 subnets, of 160 bytes each

// The explanation in an extended acknowledgement.
std::string words_of(const nlmsghdr *header, const nlmsgerr *error) {
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
    size_t at = sizeof *header + sizeof *error;
    if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) at += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof error->msg;
    const char *bytes = reinterpret_cast<const char *>(header);
    while (at + sizeof(nlattr) <= header->nlmsg_len) {
        const auto *attribute = reinterpret_cast<const nlattr *>(bytes + at);
        if (attribute->nla_len < sizeof *attribute || at + attribute->nla_len > header->nlmsg_len) break;
        if ((attribute->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG)
            return std::string(bytes + at + sizeof *attribute,
                               strnlen(bytes + at + sizeof *attribute, attribute->nla_len - sizeof *attribute));
        at += NLA_ALIGN(attribute->nla_len);
    }
    return "";
}

} // namespace

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags) {
    nlmsghdr header = {};
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    append(&header, sizeof header);
}

void NetlinkMessage::append(const void *bytes, size_t length) {
    const auto *from = static_cast<const uint8_t *>(bytes);
    bytes_.insert(bytes_.end(), from, from + length);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkMessage::put(uint16_t type, const void *bytes, size_t length) {
    nlattr attribute = {static_cast<uint16_t>(sizeof attribute + length), type};
    append(&attribute, sizeof attribute);
    append(bytes, length);
}

size_t NetlinkMessage::begin(uint16_t type) {
    size_t nest = bytes_.size();
    put(type | NLA_F_NESTED, nullptr, 0);
    return nest;
}

void NetlinkMessage::end(size_t nest) {
    auto length = static_cast<uint16_t>(bytes_.size() - nest);
    memcpy(bytes_.data() + nest, &length, sizeof length);
}

const std::vector<uint8_t> &NetlinkMessage::bytes(uint32_t sequence) {
    auto *header = reinterpret_cast<nlmsghdr *>(bytes_.data());
    header->nlmsg_len = static_cast<uint32_t>(bytes_.size());
    header->nlmsg_seq = sequence;
    return bytes_;
}

void each_message(const char *bytes, size_t length, const std::function<void(const nlmsghdr *)> &each) {
    for (size_t at = 0; at + sizeof(nlmsghdr) <= length;) {
        const auto *header = reinterpret_cast<const nlmsghdr *>(bytes + at);
        if (header->nlmsg_len < sizeof *header || header->nlmsg_len > length - at) return;
        each(header);
        at += NLMSG_ALIGN(header->nlmsg_len);
    }
}

NetlinkAttributes NetlinkAttributes::of(const nlmsghdr *message, size_t head) {
    const size_t first = NLMSG_SPACE(head);
    if (message->nlmsg_len < first) return {};
    return {reinterpret_cast<const char *>(message) + first, message->nlmsg_len - first};
}

void NetlinkAttributes::each(const std::function<void(const NetlinkAttributes &)> &each) const {
    for (size_t offset = 0; offset + NLA_HDRLEN <= length;) {
        const auto *attribute = reinterpret_cast<const nlattr *>(at + offset);
        if (attribute->nla_len < NLA_HDRLEN || offset + attribute->nla_len > length) return;
        each({at + offset + NLA_HDRLEN, attribute->nla_len - static_cast<size_t>(NLA_HDRLEN)});
        offset += NLA_ALIGN(attribute->nla_len);
    }
}

NetlinkAttributes NetlinkAttributes::find(uint16_t type) const {
    for (size_t offset = 0; offset + NLA_HDRLEN <= length;) {
        const auto *attribute = reinterpret_cast<const nlattr *>(at + offset);
        if (attribute->nla_len < NLA_HDRLEN || offset + attribute->nla_len > length) break;
        if ((attribute->nla_type & NLA_TYPE_MASK) == type)
            return {at + offset + NLA_HDRLEN, attribute->nla_len - static_cast<size_t>(NLA_HDRLEN)};
        offset += NLA_ALIGN(attribute->nla_len);
    }
    return {};
}

int NetlinkSocket::open(int protocol) {
    fd_.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    const int on = 1;
    sockaddr_nl address = {};
    address.nl_family = AF_NETLINK;
    if (!fd_.valid() || setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) < 0 ||
        bind(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0)
        return -errno;
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kAnswersBytes, sizeof kAnswersBytes);
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBatchBytes, sizeof kBatchBytes);
    setsockopt(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on); // not needed: it only adds explanations
    setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return 0;
}

NetlinkAnswer NetlinkSocket::request(NetlinkMessage &message) {
    uint32_t sequence = ++sequence_;
    return exchange(message.bytes(sequence), sequence, sequence);
}

NetlinkAnswer NetlinkSocket::batch(std::vector<NetlinkMessage> &messages) {
    nfgenmsg subsystem = {};
    subsystem.res_id = __builtin_bswap16(NFNL_SUBSYS_NFTABLES);
    auto edge = [this, &subsystem](uint16_t type) {
        NetlinkMessage message(type, NLM_F_REQUEST);
        message.part(subsystem);
        return message.bytes(++sequence_);
    };
    std::vector<uint8_t> bytes = edge(NFNL_MSG_BATCH_BEGIN);
    const uint32_t first = sequence_;
    for (NetlinkMessage &message : messages) {
        const auto &part = message.bytes(++sequence_);
        const size_t at = bytes.size();
        bytes.insert(bytes.end(), part.begin(), part.end());
        // Errors always have answers. Those of success, of all but the last one, would not fit into the socket.
        if (&message != &messages.back()) reinterpret_cast<nlmsghdr *>(&bytes[at])->nlmsg_flags &= ~NLM_F_ACK;
    }
    const uint32_t awaited = sequence_;
    std::vector<uint8_t> last = edge(NFNL_MSG_BATCH_END);
    bytes.insert(bytes.end(), last.begin(), last.end());
    return exchange(bytes, first, awaited);
}

NetlinkAnswer NetlinkSocket::dump(NetlinkMessage &message, const std::function<void(const nlmsghdr *)> &each) {
    const uint32_t sequence = ++sequence_;
    const auto &bytes = message.bytes(sequence);
    if (send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) return {-errno, ""};
    alignas(nlmsghdr) char buffer[kAnswerBytes];
    for (;;) {
        ssize_t n = recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return {errno == EAGAIN ? -ETIMEDOUT : -errno, ""};
        auto left = static_cast<unsigned>(n);
        for (auto *header = reinterpret_cast<nlmsghdr *>(buffer); NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_seq != sequence) continue;
            if (header->nlmsg_type == NLMSG_DONE) return {};
            if (header->nlmsg_type == NLMSG_ERROR) {
                const auto *error = static_cast<const nlmsgerr *>(NLMSG_DATA(header));
                return {error->error, words_of(header, error)};
            }
            each(header);
        }
    }
}

// Sends messages, whose sequence numbers are those from `first` to the last one given, and waits for the answer to the
// one that is `awaited`. After an error about the begin or the end of a batch, no more answers come.
NetlinkAnswer NetlinkSocket::exchange(const std::vector<uint8_t> &bytes, uint32_t first, uint32_t awaited) {
    NetlinkAnswer answer;
    ssize_t sent;
    do sent = send(fd_.get(), bytes.data(), bytes.size(), 0);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return {-errno, ""};
    alignas(nlmsghdr) char buffer[kAnswerBytes];
    for (;;) {
        ssize_t n = recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return {errno == EAGAIN ? -ETIMEDOUT : -errno, ""};
        auto left = static_cast<unsigned>(n);
        for (auto *header = reinterpret_cast<nlmsghdr *>(buffer); NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            const uint32_t sequence = header->nlmsg_seq;
            if (header->nlmsg_type != NLMSG_ERROR || sequence - first > sequence_ - first) continue;
            const auto *error = static_cast<const nlmsgerr *>(NLMSG_DATA(header));
            if (error->error < 0 && answer.error == 0) answer = {error->error, words_of(header, error)};
            if (sequence == awaited || (error->error < 0 && (sequence == first || sequence == sequence_)))
                return answer;
        }
    }
}
