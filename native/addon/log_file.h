// The log of one container: numbered segments of raw bytes in the order in which they came (00000001.log), each with an
// index of lines of fixed width (00000001.idx). A line says: from this offset on, the bytes are of this stream and were
// stored at this time. The directory is made with the first byte.
#pragma once
#include <cstdint>
#include <string>
#include <sys/types.h>

#include "../core/fd.h"

// How much of the output of a container is stored.
struct LogBounds {
    uint64_t max_bytes = 0; // of all segments, indexes included
    uint32_t max_files = 1;
    uint64_t bytes_per_second = 0; // that are taken; 0 for no limit
};

class LogFile {
  public:
    // Keeps the newest segments.
    LogFile(std::string directory, const LogBounds &bounds);

    // Moves up to `length` bytes from a pipe to the end of the log by one system call, splice(2). So whenever niwad is
    // killed, each byte is either in the pipe or in the log. Gives how many bytes, 0 where the kernel moves nothing, or
    // a negative errno: -EAGAIN where the pipe is empty. After any other error the next call opens all files again.
    ssize_t take(int pipe, char stream, size_t length);

  private:
    ssize_t move(int pipe, char stream, size_t length);
    int open_newest();
    int open_segment(uint64_t number);
    int find_segments(uint64_t *newest);
    void remove_oldest();
    uint64_t used() const { return log_bytes_ + index_bytes_; }
    void close_all();

    const std::string path_;
    const uint64_t segment_bytes_;
    const uint32_t max_files_;
    Fd directory_, log_, index_; // opened with the first output
    uint64_t number_ = 0;        // of the open segment
    uint64_t oldest_ = 0;
    uint64_t log_bytes_ = 0;
    uint64_t index_bytes_ = 0; // without an entry that has no bytes yet
    char stream_ = 0;          // of the last entry with bytes, 0 for none
    uint64_t entry_usec_ = 0;  // its time
};
