#include "socket_diag.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "netlink.h"
#include "network_namespace.h"

namespace {

// From TCP_FIN_WAIT1 to TCP_CLOSING a program may have closed the connection, and the kernel still sends what it wrote.
// After TCP_FIN_WAIT2 and TCP_TIME_WAIT nothing is sent.
constexpr uint32_t kOpenStates = 1 << TCP_ESTABLISHED | 1 << TCP_SYN_RECV | 1 << TCP_FIN_WAIT1 | 1 << TCP_CLOSE_WAIT |
                                 1 << TCP_LAST_ACK | 1 << TCP_CLOSING;

bool is_loopback(const inet_diag_msg &socket) {
    const auto &source = socket.id.idiag_src;
    if (socket.idiag_family == AF_INET) return (ntohl(source[0]) >> 24) == IN_LOOPBACKNET;
    in6_addr address;
    memcpy(&address, source, sizeof address);
    if (IN6_IS_ADDR_V4MAPPED(&address)) return (ntohl(source[3]) >> 24) == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&address);
}

int count_family(NetlinkSocket &netlink, uint8_t family, uint8_t protocol, uint16_t port, PortSockets *found) {
    inet_diag_req_v2 request = {};
    request.sdiag_family = family;
    request.sdiag_protocol = protocol;
    request.idiag_states = protocol == IPPROTO_TCP ? kOpenStates | 1 << TCP_LISTEN : ~0U;
    request.id.idiag_sport = htons(port);
    NetlinkMessage message(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP);
    message.part(request);
    auto each = [&](const nlmsghdr *header) {
        if (header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
        const auto &socket = *static_cast<const inet_diag_msg *>(NLMSG_DATA(header));
        if (is_loopback(socket)) return;
        if (protocol == IPPROTO_UDP || socket.idiag_state == TCP_LISTEN)
            found->listening = true;
        else
            found->connections++;
    };
    return netlink.dump(message, each).error;
}

} // namespace

int count_sockets(const Fd &pidfd, uint8_t protocol, uint16_t port, PortSockets *found) {
    NetlinkSocket netlink;
    {
        NetworkNamespaceGuard guard;
        int error = guard.enter(pidfd);
        if (error == 0) error = netlink.open(NETLINK_SOCK_DIAG);
        if (error < 0) return error;
    }
    int error = count_family(netlink, AF_INET, protocol, port, found);
    if (error == 0) error = count_family(netlink, AF_INET6, protocol, port, found);
    return error;
}
