// A native thread. std::thread throws where the kernel makes none (pids.max, RLIMIT_NPROC), which would end niwad.
#pragma once
#include <csignal>
#include <functional>
#include <memory>
#include <pthread.h>

class Thread {
  public:
    Thread() = default;
    Thread(const Thread &) = delete;
    Thread &operator=(const Thread &) = delete;

    // Runs `run` on a new thread, with all signals blocked: Node.js handles them on its own threads, and a write to a
    // pipe that nobody reads fails with EPIPE instead of SIGPIPE. To be called once. Gives 0 or a negative errno.
    int start(std::function<void()> run) {
        auto work = std::make_unique<std::function<void()>>(std::move(run));
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); // the new thread inherits the mask
        int error = pthread_create(&thread_, nullptr, enter, work.get());
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (error != 0) return -error;
        (void)work.release(); // the thread owns it
        runs_ = true;
        return 0;
    }

    // Waits for its end, if it was started.
    void join() {
        if (runs_) pthread_join(thread_, nullptr);
        runs_ = false;
    }

  private:
    static void *enter(void *work) {
        std::unique_ptr<std::function<void()>> run(static_cast<std::function<void()> *>(work));
        (*run)();
        return nullptr;
    }

    pthread_t thread_ = {};
    bool runs_ = false;
};
