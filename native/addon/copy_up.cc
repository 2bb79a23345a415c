#include "copy_up.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>

namespace {

constexpr mode_t kPermissions = 07777;

bool starts_with(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

// The others belong to the host (SELinux labels) or to overlayfs (trusted.*).
bool is_of_images(const char *name) {
    return starts_with(name, "user.") || starts_with(name, "system.posix_acl_") ||
           strcmp(name, "security.capability") == 0;
}

// Calls `act` for the name of each attribute that images have, until it gives an error.
int each_attribute(int fd, const std::function<int(const char *name)> &act) {
    char names[XATTR_LIST_MAX];
    ssize_t size = flistxattr(fd, names, sizeof names);
    if (size < 0) return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + size; name += strlen(name) + 1) {
        if (!is_of_images(name)) continue;
        int error = act(name);
        if (error < 0) return error;
    }
    return 0;
}

int copy_attribute(int from, int to, const char *name) {
    char value[XATTR_SIZE_MAX];
    ssize_t size = fgetxattr(from, name, value, sizeof value);
    if (size < 0) return -errno;
    return fsetxattr(to, name, value, static_cast<size_t>(size), 0) < 0 ? -errno : 0;
}

int copy_range(int from, int to, off_t at, off_t end) {
    for (off_t out = at; at < end;) {
        ssize_t done = copy_file_range(from, &at, to, &out, static_cast<size_t>(end - at), 0);
        if (done < 0) return -errno;
        if (done == 0) return -EIO; // no process shortens a file of a layer
    }
    return 0;
}

int copy_contents(int from, int to, off_t size, uint64_t *budget) {
    for (off_t at = 0; at < size;) {
        off_t start = lseek(from, at, SEEK_DATA);
        if (start < 0 && errno == ENXIO) break; // a hole up to the end
        off_t end = start < 0 ? -1 : lseek(from, start, SEEK_HOLE);
        if (end < 0) return -errno;
        if (static_cast<uint64_t>(end - start) > *budget) return -EFBIG;
        *budget -= static_cast<uint64_t>(end - start);
        int error = copy_range(from, to, start, end);
        if (error < 0) return error;
        at = end;
    }
    return ftruncate(to, size) < 0 ? -errno : 0;
}

int copy_file(const Shown &source, int directory, const char *name, uint64_t *budget) {
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", source.place.get());
    Fd from(open(self, O_RDONLY | O_CLOEXEC));
    if (!from.valid()) return -errno;
    Fd to(openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to.valid()) return -errno;
    int error = copy_contents(from.get(), to.get(), source.status.st_size, budget);
    return error < 0 ? error : copy_attributes(from.get(), to.get());
}

// For files that cannot be opened: sets owner, mode and time by name. No other process can change the name.
int copy_status(const struct stat &status, int directory, const char *name) {
    const struct timespec times[2] = {status.st_mtim, status.st_mtim};
    if (fchownat(directory, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (!S_ISLNK(status.st_mode) && fchmodat(directory, name, status.st_mode & kPermissions, 0) < 0) return -errno;
    return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

} // namespace

int copy_attributes(int from, int to) {
    struct stat status;
    if (fstat(from, &status) < 0) return -errno;
    // The owner is set first: changing it clears setuid bits and file capabilities.
    if (fchown(to, status.st_uid, status.st_gid) < 0 || fchmod(to, status.st_mode & kPermissions) < 0) return -errno;
    int error = each_attribute(from, [&](const char *name) { return copy_attribute(from, to, name); });
    if (error < 0) return error;
    const struct timespec times[2] = {status.st_mtim, status.st_mtim};
    return futimens(to, times) < 0 ? -errno : 0;
}

int remove_attributes(int fd) {
    return each_attribute(fd, [&](const char *name) { return fremovexattr(fd, name) < 0 ? -errno : 0; });
}

int copy_up(const Shown &source, int directory, const std::string &name, uint64_t *budget) {
    std::string target;
    int error;
    switch (source.status.st_mode & S_IFMT) {
    case S_IFREG:
        return copy_file(source, directory, name.c_str(), budget);
    case S_IFLNK:
        error = read_link(source, &target);
        if (error == 0 && symlinkat(target.c_str(), directory, name.c_str()) < 0) error = -errno;
        break;
    case S_IFIFO:
        error = mknodat(directory, name.c_str(), S_IFIFO | 0600, 0) < 0 ? -errno : 0;
        break;
    default:
        error = -EPERM; // as for a hard link to a directory
    }
    return error < 0 ? error : copy_status(source.status, directory, name.c_str());
}
