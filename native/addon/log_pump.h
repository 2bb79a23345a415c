// A thread that stores the output of containers: it moves bytes from their FIFOs into their logs, a part of each FIFO
// in turn. What cannot be stored, or exceeds the rate, stays in the FIFO; when the FIFO is full, the container waits.
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

// Opens a FIFO for the pump. Gives 0 or a negative errno.
int open_output_fifo(const std::string &path, Fd *fifo);

struct LogRequest {
    std::string stdout_path, stderr_path; // the FIFOs
    Fd fifos[2];                          // the same, where they are open already
    std::string directory;                // of the log
    LogBounds bounds;
};

// An event of a log.
struct LogEvent {
    enum Type { kOutput, kError } type;
    uint32_t handle;
    int error; // for kError: the errno because of which nothing can be stored, 0 when storing works again
};

class LogPump {
  public:
    // `on_event` is called on the pump's thread.
    explicit LogPump(std::function<void(const LogEvent &)> on_event);
    ~LogPump();
    LogPump(const LogPump &) = delete;
    LogPump &operator=(const LogPump &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Stores what comes from two FIFOs from now on, at the end of the log. May be called on any thread. Gives 0 or
    // -errno.
    int open(uint32_t handle, LogRequest request);

    // Stores what is in the FIFOs now, without the rate limit, and closes them. Then calls `done` on the pump's thread
    // with 0; or with -ESRCH where no log is open. While nothing can be stored, it waits.
    void drain(uint32_t handle, std::function<void(int)> done);

    // Asks for one kOutput event, at the next bytes that are stored.
    void watch(uint32_t handle);

  private:
    struct Log {
        Log(uint32_t name, const LogRequest &request)
            : handle(name), file(request.directory, request.bounds), bucket(request.bounds.bytes_per_second) {}
        uint32_t handle;
        Fd fifos[2];
        LogFile file;
        TokenBucket bucket;
        int error = 0; // of the last kError event
        std::function<void(int)> drained;
        uint64_t left[2] = {}; // bytes that a drain still has to store
    };

    void pump(Log &log, int stream, uint64_t now);
    void drain(Log &log);
    bool note_stored(Log &log, ssize_t moved, uint64_t now);
    bool take_watch(const Log &log);
    void set_aside(Log &log, uint64_t due_ns);
    void resume_due();
    void listen(const Log &log, int operation, uint32_t events);

    std::function<void(const LogEvent &)> on_event_;
    // Used by the thread of the loop alone:
    std::map<uint32_t, std::unique_ptr<Log>> logs_;
    Timers aside_; // until when a log is set aside
    std::mutex watched_mutex_;
    std::set<uint32_t> watched_;
    EventLoop loop_;
};
