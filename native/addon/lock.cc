#include "lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

#include "fd.h"

int hold_directory(const std::string &path) {
    Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid() || flock(directory.get(), LOCK_EX | LOCK_NB) < 0) return -errno;
    directory.release(); // held for as long as we live
    return 0;
}
