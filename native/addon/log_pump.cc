#include "log_pump.h"
#include "../core/clock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace {

constexpr size_t kPieceBytes = 64 * 1024;         // of one FIFO before the next FIFO has its turn
constexpr uint64_t kRetryNs = 1'000'000'000;      // after an error
constexpr uint64_t kTimerKey = uint64_t{1} << 40; // greater than those of FIFOs
constexpr char kStreams[2] = {'o', 'e'};

uint64_t bytes_in(const Fd &fifo) {
    int bytes = 0;
    return ioctl(fifo.get(), FIONREAD, &bytes) < 0 || bytes < 0 ? 0 : static_cast<uint64_t>(bytes);
}

} // namespace

// Opened for writing too: then reading never gives the end of the stream, whether a process has it open or not.
int open_output_fifo(const std::string &path, Fd *fifo) {
    Fd opened(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    struct stat status;
    if (!opened.valid() || fstat(opened.get(), &status) < 0) return -errno;
    if (!S_ISFIFO(status.st_mode)) return -EINVAL;
    *fifo = std::move(opened);
    return 0;
}

LogPump::LogPump(std::function<void(const LogEvent &)> on_event) : on_event_(std::move(on_event)) {}

int LogPump::start() {
    if (!loop_.control(EPOLL_CTL_ADD, aside_.fd(), kTimerKey, EPOLLIN)) return -errno;
    return loop_.start([this](uint64_t key, uint32_t) {
        if (key == kTimerKey) return resume_due();
        auto found = logs_.find(static_cast<uint32_t>(key >> 1));
        if (found != logs_.end()) pump(*found->second, static_cast<int>(key & 1), boottime_ns());
    });
}

LogPump::~LogPump() {
    loop_.stop();
}

int LogPump::open(uint32_t handle, LogRequest request) {
    auto log = std::make_shared<std::unique_ptr<Log>>(std::make_unique<Log>(handle, request));
    const std::string *paths[2] = {&request.stdout_path, &request.stderr_path};
    for (int i = 0; i < 2; i++) {
        Fd &fifo = (*log)->fifos[i] = std::move(request.fifos[i]);
        int error = fifo.valid() ? 0 : open_output_fifo(*paths[i], &fifo);
        if (error < 0) return error;
    }
    loop_.send([this, handle, log] {
        auto [placed, added] = logs_.emplace(handle, std::move(*log));
        if (added) listen(*placed->second, EPOLL_CTL_ADD, EPOLLIN);
    });
    return 0;
}

void LogPump::drain(uint32_t handle, std::function<void(int)> done) {
    loop_.send([this, handle, done = std::move(done)] {
        auto found = logs_.find(handle);
        if (found == logs_.end() || found->second->drained) return done(-ESRCH);
        Log &log = *found->second;
        log.drained = done;
        for (int i = 0; i < 2; i++) log.left[i] = bytes_in(log.fifos[i]);
        drain(log);
    });
}

void LogPump::watch(uint32_t handle) {
    std::lock_guard<std::mutex> lock(watched_mutex_);
    watched_.insert(handle);
}

void LogPump::pump(Log &log, int stream, uint64_t now) {
    if (aside_.has(log.handle) || log.drained) return;
    uint64_t allowed = log.bucket.available(now);
    if (allowed < TokenBucket::kLeastBytes) return set_aside(log, now + TokenBucket::kRefillNs);
    ssize_t moved = log.file.take(log.fifos[stream].get(), kStreams[stream], std::min<uint64_t>(allowed, kPieceBytes));
    if (note_stored(log, moved, now)) log.bucket.spend(static_cast<uint64_t>(moved));
}

// Stores only the bytes that were there at the beginning: a process that has the FIFO open could write without end.
void LogPump::drain(Log &log) {
    uint64_t now = boottime_ns();
    for (int i = 0; i < 2; i++) {
        while (log.left[i] > 0) {
            ssize_t moved =
                log.file.take(log.fifos[i].get(), kStreams[i], std::min<uint64_t>(log.left[i], kPieceBytes));
            if (moved == 0 || moved == -EAGAIN) break;
            if (!note_stored(log, moved, now)) return;
            log.left[i] -= static_cast<uint64_t>(moved);
        }
    }
    if (log.error != 0) on_event_({LogEvent::kError, log.handle, 0});
    auto done = std::move(log.drained);
    aside_.set(log.handle, 0);
    take_watch(log);
    logs_.erase(log.handle);
    done(0);
}

// Handles the result of moving a part. Gives whether it was stored.
bool LogPump::note_stored(Log &log, ssize_t moved, uint64_t now) {
    if (moved == -EAGAIN) return false;
    int error = moved < 0 ? static_cast<int>(-moved) : 0;
    if (error != log.error) on_event_({LogEvent::kError, log.handle, error});
    log.error = error;
    if (moved <= 0) {
        set_aside(log, now + kRetryNs);
        return false;
    }
    if (take_watch(log)) on_event_({LogEvent::kOutput, log.handle, 0});
    return true;
}

bool LogPump::take_watch(const Log &log) {
    std::lock_guard<std::mutex> lock(watched_mutex_);
    return watched_.erase(log.handle) > 0;
}

void LogPump::set_aside(Log &log, uint64_t due_ns) {
    aside_.set(log.handle, due_ns);
    listen(log, EPOLL_CTL_MOD, 0);
}

void LogPump::resume_due() {
    uint64_t now = boottime_ns();
    while (auto handle = aside_.take(now)) {
        Log &log = *logs_.at(*handle);
        if (log.drained)
            drain(log);
        else
            listen(log, EPOLL_CTL_MOD, EPOLLIN);
    }
}

// The key of a FIFO is the handle and one bit for the stream.
void LogPump::listen(const Log &log, int operation, uint32_t events) {
    for (uint64_t i = 0; i < 2; i++)
        loop_.control(operation, log.fifos[i].get(), uint64_t{log.handle} << 1 | i, events);
}
