#include "relay_sockets.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace {

constexpr int kBacklog = 4096;
constexpr int kSynRetries = 2;                                    // a connection is given up after 1 + 2 + 4 seconds
constexpr int kIdleSeconds = 60, kProbeSeconds = 20, kProbes = 3; // see tcp(7)
// SO_ORIGINAL_DST of <linux/netfilter_ipv4.h>, IP6T_SO_ORIGINAL_DST of <linux/netfilter_ipv6/ip6_tables.h>: these files
// do not agree with those of the C library.
constexpr int kOriginalDestination = 80;

struct SocketAddress {
    sockaddr_storage storage = {};
    socklen_t length = 0;
    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage); }
};

// Without bytes, the address stands for all of the family.
SocketAddress to_socket_address(bool ipv6, const std::string &bytes, uint16_t port) {
    SocketAddress made;
    if (ipv6) {
        sockaddr_in6 v6 = {};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        memcpy(&v6.sin6_addr, bytes.data(), std::min(bytes.size(), sizeof v6.sin6_addr));
        memcpy(&made.storage, &v6, made.length = sizeof v6);
    } else {
        sockaddr_in v4 = {};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        memcpy(&v4.sin_addr, bytes.data(), std::min(bytes.size(), sizeof v4.sin_addr));
        memcpy(&made.storage, &v4, made.length = sizeof v4);
    }
    return made;
}

Fd make_socket(bool ipv6) {
    return Fd(socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void set_option(const Fd &fd, int level, int name, int value) {
    setsockopt(fd.get(), level, name, &value, sizeof value);
}

} // namespace

Fd listen_on(bool ipv6, uint16_t port) {
    Fd made = make_socket(ipv6);
    set_option(made, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ipv6) set_option(made, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    const SocketAddress address = to_socket_address(ipv6, "", port);
    if (bind(made.get(), address.get(), address.length) < 0 || listen(made.get(), kBacklog) < 0) return Fd();
    return made;
}

Fd begin_connect(bool ipv6, const std::string &address, uint16_t port) {
    Fd made = make_socket(ipv6);
    keep_alive(made);
    set_option(made, IPPROTO_TCP, TCP_SYNCNT, kSynRetries);
    const SocketAddress to = to_socket_address(ipv6, address, port);
    if (connect(made.get(), to.get(), to.length) < 0 && errno != EINPROGRESS) return Fd();
    return made;
}

bool original_destination(const Fd &client, bool ipv6, ServiceAddress *asked) {
    sockaddr_in v4 = {};
    sockaddr_in6 v6 = {};
    void *address = ipv6 ? static_cast<void *>(&v6) : &v4;
    socklen_t length = ipv6 ? sizeof v6 : sizeof v4;
    if (getsockopt(client.get(), ipv6 ? SOL_IPV6 : SOL_IP, kOriginalDestination, address, &length) < 0) return false;
    const char *bytes =
        ipv6 ? reinterpret_cast<const char *>(&v6.sin6_addr) : reinterpret_cast<const char *>(&v4.sin_addr);
    asked->ipv6 = ipv6;
    asked->port = ntohs(ipv6 ? v6.sin6_port : v4.sin_port);
    asked->address = std::string(bytes, ipv6 ? sizeof v6.sin6_addr : sizeof v4.sin_addr);
    return true;
}

void keep_alive(const Fd &connection) {
    set_option(connection, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(connection, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(connection, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
    set_option(connection, IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
    set_option(connection, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

void reset(Fd connection) {
    const linger at_once = {1, 0};
    setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}
