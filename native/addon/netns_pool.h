// Network namespaces made ahead: the kernel takes about a third of a start for one. Each is given away once, to one
// container, and nothing has been in it before: a thread makes it, sets its loopback device up, and leaves it.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

#include "../core/fd.h"
#include "../core/thread.h"

class NetnsPool {
  public:
    NetnsPool() = default;
    ~NetnsPool();
    NetnsPool(const NetnsPool &) = delete;
    NetnsPool &operator=(const NetnsPool &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Gives a fresh network namespace of the host's user namespace, or nothing where none is ready: then the clone has
    // to make it. From the first call on, some are kept ready.
    Fd take();

  private:
    void run();

    std::mutex mutex_; // guards all below
    std::condition_variable wanted_;
    std::deque<Fd> ready_;
    bool asked_ = false; // whether anybody has ever taken one
    bool ending_ = false;
    Thread thread_;
};
