#include "lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../core/fd.h"

int hold_directory(const std::string &path) {
    Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid() || flock(directory.get(), LOCK_EX | LOCK_NB) < 0) return -errno;
    directory.release(); // open until the process ends
    return 0;
}

namespace {

const int LOCK_TRIES = 100;

// Whether the path still names the open file.
bool is_at(const Fd &file, const std::string &path) {
    struct stat held, there;
    if (fstat(file.get(), &held) < 0 || lstat(path.c_str(), &there) < 0) return false;
    return held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

} // namespace

int hold_file(const std::string &path) {
    const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    for (int i = 0; i < LOCK_TRIES; i++) {
        Fd file(open(path.c_str(), flags, 0600));
        if (!file.valid() || flock(file.get(), LOCK_EX | LOCK_NB) < 0) return -errno;
        if (!is_at(file, path)) continue; // removed between open() and flock(): another niwad would lock a new file
        file.release();                   // open until the process ends
        return 0;
    }
    return -EAGAIN;
}
