#include "notify.h"

#include <cerrno>
#include <cstddef>
#include <sys/socket.h>
#include <sys/un.h>

#include "../core/fd.h"

int notify_manager(const std::string &socket, const std::string &text) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.size() < 2 || (socket[0] != '/' && socket[0] != '@')) return -EINVAL;
    if (socket.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
    socket.copy(address.sun_path, socket.size());
    if (socket[0] == '@') address.sun_path[0] = '\0';

    Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return -errno;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
    ssize_t sent;
    do { // called on the JavaScript thread, which must not wait for a manager that hangs
        sent = sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                      reinterpret_cast<sockaddr *>(&address), length);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}
