// A native thread with an epoll set, and commands that others send it: what belongs to the thread needs no lock.
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

    // Begins: `handle` gets the key of each descriptor with news and its events; `wait_ms`, asked before each wait,
    // says how long that may be, -1 for ever. Both are called on the thread. Keys are any numbers but the greatest.
    // Gives 0 or a negative errno.
    int start(std::function<void(uint64_t key, uint32_t events)> handle, std::function<int()> wait_ms);

    // Waits until the commands that were sent have run, and the thread has ended. What `handle` uses has to outlive it.
    void stop();

    // Lets the thread run a command.
    void send(Command command);

    // Adds, changes or removes (EPOLL_CTL_*) what is watched; gives whether that could be done.
    bool control(int operation, int fd, uint64_t key, uint32_t events);

  private:
    void run();
    void run_commands();

    std::function<void(uint64_t, uint32_t)> handle_;
    std::function<int()> wait_ms_;
    Fd epoll_, wake_;
    bool ending_ = false; // of the thread alone
    std::mutex mutex_;    // guards all below
    std::vector<Command> commands_;
    Thread thread_;
};
