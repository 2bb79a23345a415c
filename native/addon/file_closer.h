// The end of files that niwad has looked at. Whoever closes a file that was removed meanwhile frees all that it holds,
// which takes as long as it is large: so a thread closes it, and not that of JavaScript.
#pragma once
#include <condition_variable>
#include <mutex>
#include <vector>

#include "../core/fd.h"
#include "../core/thread.h"

// Lives as long as the process: its thread never ends.
class FileCloser {
  public:
    // Whether it can take a file. Begins its thread the first time. False where the thread cannot be made, and where
    // many files wait.
    bool is_ready();

    // Takes a file, and closes it soon.
    void close(Fd file);

  private:
    [[noreturn]] void run();

    std::mutex mutex_; // guards all below
    std::condition_variable wanted_;
    std::vector<Fd> waiting_;
    bool runs_ = false;
    Thread thread_;
};
