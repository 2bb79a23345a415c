#include "record_file.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_point.h"

namespace {

int write_all(int fd, const std::vector<uint8_t> &bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
        ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
        if (n < 0) return -errno;
        done += static_cast<size_t>(n);
    }
    return 0;
}

void look_at_path(const Append &append, Appended *appended) {
    struct stat open, named;
    bool is_same = fstat(append.fd, &open) == 0 && stat(append.path.c_str(), &named) == 0 &&
                   open.st_dev == named.st_dev && open.st_ino == named.st_ino;
    appended->size = is_same ? static_cast<uint64_t>(named.st_size) : 0;
    if (!is_same)
        appended->named = Appended::kGone;
    else
        appended->named = appended->size == append.end ? Appended::kFile : Appended::kChanged;
}

} // namespace

Appended append_synced(const Append &append) {
    Appended appended;
    appended.error = write_all(append.fd, append.bytes);
    if (appended.error < 0) return appended;
    appended.written = true;
    if (!append.bytes.empty()) crash_point("record-appended");
    if (fdatasync(append.fd) < 0)
        appended.error = -errno;
    else
        look_at_path(append, &appended);
    return appended;
}
