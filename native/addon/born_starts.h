// The thread that starts the containers of engines: hooks in the container run before its workload is executed, and may
// take long. One thread waits for all of them.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "../core/container.h"
#include "../core/event_loop.h"
#include "spawn.h"

class BornStarts {
  public:
    using Done = std::function<void(const Failure &)>;

    BornStarts() = default;
    ~BornStarts();
    BornStarts(const BornStarts &) = delete;
    BornStarts &operator=(const BornStarts &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Sends the start to a created container, and calls `done` once on the thread of this object: when the workload is
    // executed, or when the boot program has failed or ended. On failure as with start_container().
    void begin(std::shared_ptr<Container> container, Done done);

  private:
    struct Begun {
        std::shared_ptr<Container> container;
        Done done;
    };
    bool watch(Begun begun);
    void take(uint32_t handle);
    Begun forget(uint32_t handle);

    std::mutex mutex_;
    std::map<uint32_t, Begun> begun_; // guarded by the mutex
    bool runs_ = false;
    EventLoop loop_; // the key of a control socket is the handle of its container
};
