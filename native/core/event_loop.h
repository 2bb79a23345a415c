// A native thread with an epoll set, and commands that other threads send it. What only this thread uses needs no lock.
#pragma once
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "fd.h"
#include "thread.h"

class EventLoop {
  public:
    using Command = std::function<void()>;

    EventLoop();
    EventLoop(const EventLoop &) = delete;
    EventLoop &operator=(const EventLoop &) = delete;

    // Begins: `on_event` is called on the thread with the key of each descriptor that is ready, and its events. Keys
    // are any numbers but the greatest. Gives 0 or a negative errno.
    int start(std::function<void(uint64_t key, uint32_t events)> on_event);

    // Waits until the commands that were sent have run, and the thread has ended. What `on_event` uses must live until
    // then.
    void stop();

    // Lets the thread run a command.
    void send(Command command);

    // Adds, changes or removes (EPOLL_CTL_*) a descriptor that is watched, on any thread; gives whether that could be
    // done.
    bool control(int operation, int fd, uint64_t key, uint32_t events);

  private:
    void run();
    void run_commands();

    std::function<void(uint64_t, uint32_t)> on_event_;
    Fd epoll_, wake_;
    bool ending_ = false; // used by the thread alone
    std::mutex mutex_;    // guards all below
    std::vector<Command> commands_;
    Thread thread_;
};
