#include "group.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>

namespace {

constexpr char kOwner[] = "trusted.niwa.container"; // only root sees it, see xattr(7)
constexpr char kDelegated[] = "/sys/kernel/cgroup/delegate";

} // namespace

int Group::create(const std::string &path, const std::string &owner, const std::vector<GroupWrite> &writes,
                  uint32_t *step) {
    *step = 0;
    if (mkdir(path.c_str(), 0755) < 0) return -errno;
    int error = open(path);
    if (error == 0 && !owner.empty()) error = set_owner(owner);
    for (const auto &[file, value] : writes) {
        if (error < 0) break;
        ++*step;
        error = write(file.c_str(), value.c_str());
    }
    if (error < 0) rmdir(path.c_str());
    return error;
}

int Group::open(const std::string &path) {
    dir_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return dir_.valid() ? 0 : -errno;
}

int Group::set_owner(const std::string &id) const {
    return fsetxattr(dir_.get(), kOwner, id.data(), id.size(), 0) < 0 ? -errno : 0;
}

int Group::give_to(uid_t user) const {
    constexpr gid_t kSameGroup = -1;
    Fd names(::open(kDelegated, O_RDONLY | O_CLOEXEC));
    FILE *lines = names.valid() ? fdopen(names.release(), "r") : nullptr;
    if (lines == nullptr) return -errno;
    int error = fchown(dir_.get(), user, kSameGroup) < 0 ? -errno : 0;
    // a group has no files of controllers that it does not have
    for (char name[64]; error == 0 && fscanf(lines, "%63s", name) == 1;)
        if (fchownat(dir_.get(), name, user, kSameGroup, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT) error = -errno;
    fclose(lines);
    return error;
}

int Group::remove(const std::string &path) const {
    struct stat own, there;
    if (fstat(dir_.get(), &own) < 0) return -errno;
    if (lstat(path.c_str(), &there) < 0) return errno == ENOENT ? 0 : -errno;
    if (own.st_dev != there.st_dev || own.st_ino != there.st_ino) return 0;
    return rmdir(path.c_str()) < 0 && errno != ENOENT ? -errno : 0;
}

std::string group_owner(const std::string &path) {
    char id[256];
    ssize_t n = lgetxattr(path.c_str(), kOwner, id, sizeof id);
    return std::string(id, n < 0 ? 0 : static_cast<size_t>(n));
}

int Group::write(const char *file, const char *value) const {
    Fd fd(openat(dir_.get(), file, O_WRONLY | O_CLOEXEC));
    if (!fd.valid() || ::write(fd.get(), value, strlen(value)) < 0) return -errno;
    return 0;
}

Fd Group::open_file(const char *file) const {
    return Fd(openat(dir_.get(), file, O_RDONLY | O_CLOEXEC));
}

int Group::wait_event(const char *key, bool value, int timeout_ms) const {
    Fd events = open_file("cgroup.events");
    if (!events.valid()) return -errno;
    while (group_event(events, key) != value) {
        pollfd changed = {events.get(), POLLPRI, 0};
        int ready = poll(&changed, 1, timeout_ms);
        if (ready == 0) return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR) return -errno;
    }
    return 0;
}

bool group_event(const Fd &events, const char *key) {
    char text[256];
    ssize_t n = pread(events.get(), text, sizeof text - 1, 0);
    if (n <= 0) return false;
    text[n] = 0;
    const char *found = strstr(text, key);
    return found != nullptr && strncmp(found + strlen(key), " 1", 2) == 0;
}
