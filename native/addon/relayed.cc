#include "relayed.h"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

// Gives how many bytes the target took, or -1 where it is broken.
ssize_t give(const Fd &to, const char *bytes, size_t size) {
    ssize_t n;
    do n = send(to.get(), bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

// EPOLLHUP cannot be masked: a side of which nothing is expected any more would wake the thread again and again.
uint32_t events_of(const Flow &from, const Flow &to) {
    if (from.has_ended() && to.is_over()) return Relayed::kNothing;
    const bool reads = !from.has_ended() && !from.is_full();
    return (reads ? uint32_t{EPOLLIN} : 0U) | (to.is_full() ? uint32_t{EPOLLOUT} : 0U);
}

} // namespace

bool Flow::move(const Fd &from, const Fd &to, char *buffer, size_t size) {
    if (is_full()) {
        const ssize_t taken = give(to, left_.data(), left_.size());
        if (taken < 0) return false;
        left_.erase(0, static_cast<size_t>(taken));
        if (is_full()) return true;
    }
    if (!ended_) {
        const ssize_t n = recv(from.get(), buffer, size, MSG_DONTWAIT);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        ended_ = n == 0;
        const ssize_t taken = n == 0 ? 0 : give(to, buffer, static_cast<size_t>(n));
        if (taken < 0) return false;
        left_.assign(buffer + taken, static_cast<size_t>(n - taken));
    }
    if (ended_ && !is_full() && !over_) {
        over_ = true;
        return shutdown(to.get(), SHUT_WR) == 0;
    }
    return true;
}

bool Relayed::move(char *buffer, size_t size) {
    return to_server.move(client, server, buffer, size) && to_client.move(server, client, buffer, size);
}

uint32_t Relayed::client_events() const {
    return state == kOpen ? events_of(to_server, to_client) : 0U;
}

uint32_t Relayed::server_events() const {
    if (state == kHeld) return kNothing;
    return state == kOpen ? events_of(to_client, to_server) : uint32_t{EPOLLOUT};
}
