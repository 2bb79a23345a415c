#include "listen.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include "../core/fd.h"

int listen_at(const std::string &path, int backlog) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path.c_str(), path.size());
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid() || bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0 ||
        listen(fd.get(), backlog) < 0)
        return -errno;
    return fd.release();
}
