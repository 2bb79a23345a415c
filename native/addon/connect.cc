#include "connect.h"

#include <cerrno>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "network_namespace.h"

namespace {

// On a loopback interface the handshake is complete when connect() returns, unless the queue of the listener is full:
// then the kernel drops it, and we wait no longer than this.
constexpr int kHandshakeMs = 20;

// Makes a socket in the network namespace of a process. A socket stays in the namespace that it was made in, see
// network_namespaces(7).
Fd socket_in(const Fd &pidfd, int family, int *error) {
    NetworkNamespaceGuard guard;
    *error = guard.enter(pidfd);
    if (*error < 0) return Fd();
    Fd made(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    *error = made.valid() ? 0 : -errno;
    return made;
}

int finish_connect(const Fd &connecting, const sockaddr *address, socklen_t length) {
    if (connect(connecting.get(), address, length) == 0) return 0;
    if (errno != EINPROGRESS) return -errno;
    pollfd writable{connecting.get(), POLLOUT, 0};
    int ready = poll(&writable, 1, kHandshakeMs);
    if (ready <= 0) return ready == 0 ? -ETIMEDOUT : -errno;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(connecting.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
    return -error;
}

} // namespace

Fd connect_in(const Fd &pidfd, uint16_t port, int *error) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    const std::pair<const sockaddr *, socklen_t> addresses[] = {
        {reinterpret_cast<const sockaddr *>(&v4), sizeof v4},
        {reinterpret_cast<const sockaddr *>(&v6), sizeof v6},
    };
    for (const auto &[address, length] : addresses) {
        Fd made = socket_in(pidfd, address->sa_family, error);
        if (made.valid()) *error = finish_connect(made, address, length);
        if (made.valid() && *error == 0) return made;
    }
    return Fd();
}
