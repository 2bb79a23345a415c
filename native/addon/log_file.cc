#include "log_file.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>

namespace {

constexpr size_t kEntryBytes = 32;
constexpr uint64_t kEntryUsec = 1000; // bytes of one stream within this time share an entry

uint64_t wall_usec() {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000u + static_cast<uint64_t>(now.tv_nsec) / 1000u;
}

std::string name_of(uint64_t number, const char *extension) {
    char name[32];
    snprintf(name, sizeof name, "%08" PRIu64 ".%s", number, extension);
    return name;
}

// The number in the name of a segment's log, or 0.
uint64_t number_in(const char *name) {
    char *end;
    uint64_t number = strtoull(name, &end, 10);
    return strcmp(end, ".log") == 0 ? number : 0;
}

// Makes a directory and its missing parents: an administrator may have removed them while niwad runs.
int make_directory(const std::string &path) {
    auto made = [&path] { return mkdir(path.c_str(), 0750) == 0 || errno == EEXIST ? 0 : -errno; };
    int error = made();
    size_t slash = path.rfind('/');
    if (error != -ENOENT || slash == 0 || slash == std::string::npos) return error;
    error = make_directory(path.substr(0, slash));
    return error != 0 ? error : made();
}

int size_of(const Fd &fd, uint64_t *bytes) {
    struct stat status;
    if (fstat(fd.get(), &status) < 0) return -errno;
    *bytes = static_cast<uint64_t>(status.st_size);
    return 0;
}

} // namespace

LogFile::LogFile(std::string directory, const LogBounds &bounds)
    : path_(std::move(directory)), segment_bytes_(bounds.max_bytes / bounds.max_files), max_files_(bounds.max_files) {}

ssize_t LogFile::take(int pipe, char stream, size_t length) {
    ssize_t moved = move(pipe, stream, length);
    if (moved < 0 && moved != -EAGAIN) close_all();
    return moved;
}

ssize_t LogFile::move(int pipe, char stream, size_t length) {
    int error = log_.valid() ? 0 : open_newest();
    if (error == 0 && used() + kEntryBytes >= segment_bytes_) {
        error = open_segment(number_ + 1);
        if (error == 0) remove_oldest();
    }
    if (error < 0) return error;
    uint64_t now = wall_usec();
    // If the clock was set back, a new entry begins.
    bool begins = stream != stream_ || now < entry_usec_ || now - entry_usec_ >= kEntryUsec;
    if (begins) {
        char entry[kEntryBytes + 1];
        snprintf(entry, sizeof entry, "%016" PRIu64 " %c %012" PRIu64 "\n", now, stream, log_bytes_);
        ssize_t written = pwrite(index_.get(), entry, kEntryBytes, static_cast<off_t>(index_bytes_));
        if (written != static_cast<ssize_t>(kEntryBytes)) return written < 0 ? -errno : -ENOSPC;
    }
    auto end = static_cast<loff_t>(log_bytes_);
    size_t room = static_cast<size_t>(segment_bytes_ - used() - (begins ? kEntryBytes : 0));
    ssize_t moved = splice(pipe, nullptr, log_.get(), &end, std::min(length, room), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved <= 0) return moved < 0 ? -errno : 0;
    log_bytes_ += static_cast<uint64_t>(moved);
    if (begins) {
        index_bytes_ += kEntryBytes;
        stream_ = stream;
        entry_usec_ = now;
    }
    return moved;
}

int LogFile::open_newest() {
    int error = make_directory(path_);
    if (error != 0) return error;
    directory_.reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!directory_.valid()) return -errno;
    uint64_t newest = 0;
    error = find_segments(&newest);
    if (error == 0) error = open_segment(std::max<uint64_t>(newest, 1));
    if (error == 0) remove_oldest();
    return error;
}

int LogFile::find_segments(uint64_t *newest) {
    Fd copy(openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR *opened = copy.valid() ? fdopendir(copy.get()) : nullptr;
    if (opened == nullptr) return -errno;
    (void)copy.release(); // closedir closes it
    std::unique_ptr<DIR, int (*)(DIR *)> listing(opened, closedir);
    oldest_ = 0;
    while (const dirent *entry = readdir(listing.get())) {
        uint64_t number = number_in(entry->d_name);
        if (number == 0) continue;
        *newest = std::max(*newest, number);
        oldest_ = oldest_ == 0 ? number : std::min(oldest_, number);
    }
    return 0;
}

// The index is made before the log and removed before it: a reader that finds a log without an index knows that the
// segment is being removed.
int LogFile::open_segment(uint64_t number) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    Fd index(openat(directory_.get(), name_of(number, "idx").c_str(), kFlags, 0640));
    if (!index.valid()) return -errno;
    Fd log(openat(directory_.get(), name_of(number, "log").c_str(), kFlags, 0640));
    if (!log.valid()) return -errno;
    uint64_t log_bytes = 0, index_bytes = 0;
    int error = size_of(log, &log_bytes);
    if (error == 0) error = size_of(index, &index_bytes);
    if (error < 0) return error;
    index_bytes -= index_bytes % kEntryBytes;
    char last[kEntryBytes + 1] = {};
    if (index_bytes > 0) {
        auto at = static_cast<off_t>(index_bytes - kEntryBytes);
        if (pread(index.get(), last, kEntryBytes, at) != static_cast<ssize_t>(kEntryBytes)) return -EIO;
        if (strtoull(last + 19, nullptr, 10) >= log_bytes)
            index_bytes -= kEntryBytes; // no bytes came after this entry: it is overwritten
    }
    log_ = std::move(log);
    index_ = std::move(index);
    number_ = number;
    log_bytes_ = log_bytes;
    index_bytes_ = index_bytes;
    stream_ = 0;
    if (oldest_ == 0) oldest_ = number;
    return 0;
}

void LogFile::remove_oldest() {
    for (; number_ - oldest_ >= max_files_; oldest_++)
        for (const char *extension : {"idx", "log"}) unlinkat(directory_.get(), name_of(oldest_, extension).c_str(), 0);
}

void LogFile::close_all() {
    directory_.reset();
    log_.reset();
    index_.reset();
}
