// Network namespaces that are made before they are needed: making one takes about a third of a start. A thread makes
// each, sets its loopback device up, and leaves it. Each is given to one container only, and no process has been in it
// before.
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

    // Gives a new network namespace, which belongs to the host's user namespace. Gives nothing where none is ready:
    // then the clone has to make one. The pool begins to make namespaces with the first call.
    Fd take();

  private:
    void run();

    std::mutex mutex_; // guards all below
    std::condition_variable wanted_;
    std::deque<Fd> ready_;
    bool asked_ = false; // whether take() was ever called
    bool ending_ = false;
    Thread thread_;
};
