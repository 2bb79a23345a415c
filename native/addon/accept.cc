#include "accept.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <utility>

void SpareDescriptor::take() {
    if (!fd_.valid()) fd_.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

Fd SpareDescriptor::accept(const Fd &listener, void (*refuse)(Fd)) {
    for (;;) {
        Fd connection(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection.valid()) return connection;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EMFILE && errno != ENFILE) return Fd();
        take(); // it is missing where another thread was faster at the last take()
        if (!fd_.valid()) return Fd();
        fd_.reset();
        Fd refused(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const bool has_waited = refused.valid(); // the kernel gives EMFILE before it looks whether anybody waits
        if (has_waited) refuse(std::move(refused));
        take();
        if (!has_waited) return Fd();
    }
}
