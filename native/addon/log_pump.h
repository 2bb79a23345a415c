// The native thread that stores what containers write: it moves bytes from their FIFOs into their logs, a piece of each
// that has something in turn. What it cannot store, or may not yet, stays in the FIFO, where the container waits.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "../core/event_loop.h"
#include "../core/fd.h"
#include "../core/timers.h"
#include "log_file.h"
#include "token_bucket.h"

struct LogRequest {
    std::string stdout_path, stderr_path; // the FIFOs
    std::string directory;                // where it is stored; has to be there
    uint64_t max_bytes = 0;
    uint32_t max_files = 1;
    uint64_t bytes_per_second = 0; // 0 for no limit
};

// What is told of a log.
struct LogNews {
    enum Type { kOutput, kError } type;
    uint32_t handle;
    int error; // for kError: why nothing can be stored (errno), 0 where it can be again
};

class LogPump {
  public:
    // `tell` is called on the pump's thread.
    explicit LogPump(std::function<void(const LogNews &)> tell);
    ~LogPump();
    LogPump(const LogPump &) = delete;
    LogPump &operator=(const LogPump &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Stores what comes out of two FIFOs from now on, after what is stored already. Gives 0 or -errno.
    int open(uint32_t handle, const LogRequest &request);

    // Stores what is in the FIFOs now, without the limit, and closes them; then calls `done` on the pump's thread with
    // 0, or at once with -ESRCH. Where it cannot be stored, that waits until it can.
    void drain(uint32_t handle, std::function<void(int)> done);

    // Tells once, as soon as something is stored from now on.
    void watch(uint32_t handle);

  private:
    struct Log {
        Log(uint32_t name, const LogRequest &request)
            : handle(name), file(request.directory, request.max_bytes, request.max_files),
              bucket(request.bytes_per_second) {}
        uint32_t handle;
        Fd fifos[2];
        LogFile file;
        TokenBucket bucket;
        int error = 0; // that was told
        std::function<void(int)> drained;
        uint64_t left[2] = {}; // of a drain
    };

    void pump(Log &log, int stream, uint64_t now);
    void drain(Log &log);
    bool stored(Log &log, ssize_t moved, uint64_t now);
    bool take_watch(const Log &log);
    void set_aside(Log &log, uint64_t due_ns);
    void resume_due();
    void listen(const Log &log, int operation, uint32_t events);

    std::function<void(const LogNews &)> tell_;
    // Of the loop's thread alone:
    std::map<uint32_t, std::unique_ptr<Log>> logs_;
    Timers aside_; // until when a log is set aside
    std::mutex watched_mutex_;
    std::set<uint32_t> watched_;
    EventLoop loop_;
};
