// A visit to the network namespace of a container.
#pragma once
#include "../core/fd.h"

// Enters a network namespace on this thread; the destructor leaves it.
class NetworkNamespaceGuard {
  public:
    NetworkNamespaceGuard() = default;
    NetworkNamespaceGuard(const NetworkNamespaceGuard &) = delete;
    NetworkNamespaceGuard &operator=(const NetworkNamespaceGuard &) = delete;
    ~NetworkNamespaceGuard();

    // Enters the namespace of the process behind a pidfd. Gives 0 or a negative errno, -ESRCH where it has ended.
    int enter(const Fd &pidfd);

  private:
    Fd own_;
};
