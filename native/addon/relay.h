// A thread that copies between terminals and pipes, so that JavaScript and the log only use pipes. When the target is
// full, the thread stops reading from the source until there is room.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "../core/event_loop.h"
#include "../core/fd.h"

class Relay {
  public:
    Relay() = default;
    ~Relay();
    Relay(const Relay &) = delete;
    Relay &operator=(const Relay &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Copies from now on, until one of the two has ended; then closes both. Neither may block. Holds `kept` open during
    // this. Gives a name for finish().
    uint64_t add(Fd from, Fd to, Fd kept = Fd());

    // Copies what is there now, ends the copy, and calls `done` on the relay's thread; at once where it has ended.
    void finish(uint64_t name, std::function<void()> done);

    // Copies what can be copied at once, and ends the copy.
    void drop(uint64_t name);

  private:
    struct Copy {
        uint64_t name;
        Fd from, to, kept;
        char bytes[4096]; // a terminal gives no more by one read
        size_t first = 0, end = 0;
        bool from_ended = false;
        int reads_left = -1; // set by finish(): another process may write to the terminal without end
        std::function<void()> finished;
    };

    void move(Copy &copy);
    bool write_out(Copy &copy);
    bool read_in(Copy &copy);
    void close_copy(Copy &copy);
    void listen(Copy &copy, int operation);

    std::map<uint64_t, std::unique_ptr<Copy>> copies_; // used by the thread of the loop alone
    std::atomic<uint64_t> next_name_{1};
    EventLoop loop_;
};
