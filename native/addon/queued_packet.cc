#include "queued_packet.h"

#include <netinet/in.h>

namespace {

std::string text_of(const uint8_t *bytes, size_t length) {
    return {reinterpret_cast<const char *>(bytes), length};
}

} // namespace

// The rules give TCP and UDP alone to the queue. They find the ports also behind extension headers of IPv6. Such a
// packet is not read here, and is dropped: no common client begins a connection with one.
bool QueuedPacket::parse(const uint8_t *bytes, size_t length) {
    constexpr size_t kIpv6Bytes = 40, kPortBytes = 4;
    const bool ipv6 = length > 0 && bytes[0] >> 4 == 6;
    const size_t header = ipv6 ? kIpv6Bytes : length > 0 ? (bytes[0] & 15U) * 4U : 0;
    if (header < 20 || length < header + kPortBytes) return false;
    const uint8_t protocol = ipv6 ? bytes[6] : bytes[9];
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return false;
    tcp = protocol == IPPROTO_TCP;
    source = ipv6 ? text_of(bytes + 8, 16) : text_of(bytes + 12, 4);
    address = ipv6 ? text_of(bytes + 24, 16) : text_of(bytes + 16, 4);
    source += text_of(bytes + header, 2);
    port = static_cast<uint16_t>(bytes[header + 2] << 8 | bytes[header + 3]);
    return true;
}
