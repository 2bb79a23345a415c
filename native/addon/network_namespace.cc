#include "network_namespace.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>

int NetworkNamespaceGuard::enter(const Fd &pidfd) {
    own_.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    return own_.valid() && setns(pidfd.get(), CLONE_NEWNET) == 0 ? 0 : -errno;
}

// If this fails, the thread would go on with its other work in the network of the container: niwad ends instead.
NetworkNamespaceGuard::~NetworkNamespaceGuard() {
    if (own_.valid() && setns(own_.get(), CLONE_NEWNET) < 0) abort();
}
