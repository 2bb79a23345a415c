// The end of mount namespaces. The kernel takes a namespace apart when nobody holds it any more: it waits for all
// processors, and frees the memory of each tmpfs. Without us the last process of a container does this before its exit
// is seen. So niwad holds the namespace of a container beyond the exit, and closes it on a thread.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <sys/types.h>

#include "../core/fd.h"
#include "../core/thread.h"

// Opens the mount namespace of a process. Gives nothing where the process has ended.
Fd open_mounts(const Fd &process, pid_t pid);

// Closes mount namespaces. Until one is closed, what was mounted in it is in use.
class MountCloser {
  public:
    MountCloser() = default;
    ~MountCloser();
    MountCloser(const MountCloser &) = delete;
    MountCloser &operator=(const MountCloser &) = delete;

    // Begins its first thread; others are made while all are busy. Gives 0 or a negative errno.
    int start();

    // Ends its threads; from then on it closes nothing.
    void stop();

    // Takes the namespace of a container that has ended, and closes it soon. Does nothing where there is none.
    void close(uint32_t handle, Fd mounts);

    // Calls `closed` once: now where nothing of this container is to be closed, otherwise later on another thread. To
    // be called once for a container.
    void await(uint32_t handle, std::function<void()> closed);

  private:
    struct Ended {
        uint32_t handle;
        Fd mounts;
    };
    void run();
    int add_thread();

    std::mutex mutex_; // guards all below
    std::condition_variable wanted_;
    std::deque<Ended> waiting_;
    std::map<uint32_t, std::function<void()>> awaited_; // of all that wait or are being closed
    size_t idle_ = 0;
    bool ending_ = false;
    std::list<Thread> threads_;
};
