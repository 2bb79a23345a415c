#include "unpack.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

namespace {

constexpr char kOpaqueName[] = "trusted.overlay.opaque";
constexpr mode_t kPermissions = 07777;

int open_in(int root, const std::string &path, int flags) {
    struct open_how how = {};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    long fd = syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how);
    return fd < 0 ? -errno : static_cast<int>(fd);
}

std::string parent_of(const std::string &path) {
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string name_of(const std::string &path) {
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// Opens a directory, making it and its parents where they are missing. A link that leads nowhere stays: -ENOENT.
int open_directory(int root, const std::string &path) {
    int fd = open_in(root, path, O_RDONLY | O_DIRECTORY);
    if (fd != -ENOENT || path.empty()) return fd;
    Fd parent(open_directory(root, parent_of(path)));
    if (!parent.valid()) return -ENOENT;
    if (mkdirat(parent.get(), name_of(path).c_str(), 0755) < 0 && errno != EEXIST) return -errno;
    return open_in(root, path, O_RDONLY | O_DIRECTORY);
}

bool is_whiteout(const struct stat &status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

// Removes what has the name, but for a directory where one is wanted. `hid` tells whether that was a whiteout.
int clear_way(int parent, const char *name, bool for_directory, bool *hid) {
    struct stat status;
    *hid = false;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
    *hid = is_whiteout(status);
    if (S_ISDIR(status.st_mode) && for_directory) return 0;
    return unlinkat(parent, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

void times_of(const LayerEntry &entry, struct timespec times[2]) {
    times[0] = times[1] = {static_cast<time_t>(entry.mtime_sec), static_cast<long>(entry.mtime_nsec)};
}

int set_opaque(int fd) {
    return fsetxattr(fd, kOpaqueName, "y", 1, 0) < 0 ? -errno : 0;
}

int make_directory(int parent, const char *name, const LayerEntry &entry, bool hid) {
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST) return -errno;
    Fd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return -errno;
    int error = hid ? set_opaque(fd.get()) : 0; // the whiteout went on hiding what is below
    return error < 0 ? error : finish_entry(fd.get(), entry);
}

int make_file(int parent, const char *name, Fd *file) {
    file->reset(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    return file->valid() ? 0 : -errno;
}

// What has no contents of its own and cannot be opened: owner and time are set by name, which nobody else can change.
int finish_by_name(int parent, const char *name, const LayerEntry &entry) {
    struct timespec times[2];
    times_of(entry, times);
    if (fchownat(parent, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (entry.kind == LayerEntry::kFifo && fchmodat(parent, name, entry.mode & kPermissions, 0) < 0) return -errno;
    return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int make_link(int root, int parent, const char *name, const LayerEntry &entry) {
    Fd from(open_in(root, parent_of(entry.target), O_PATH | O_DIRECTORY));
    if (!from.valid()) return -ENOENT;
    return linkat(from.get(), name_of(entry.target).c_str(), parent, name, 0) < 0 ? -errno : 0;
}

// A whiteout hides what layers below have, and nothing of its own layer.
int make_whiteout(int parent, const char *name) {
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return mknodat(parent, name, S_IFCHR, 0) < 0 ? -errno : 0;
    if (!S_ISDIR(status.st_mode)) return 0;
    Fd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return fd.valid() ? set_opaque(fd.get()) : -errno;
}

int make_at(int root, int parent, const char *name, const LayerEntry &entry, Fd *file) {
    bool hid = false;
    if (entry.kind == LayerEntry::kWhiteout) return make_whiteout(parent, name);
    int error = clear_way(parent, name, entry.kind == LayerEntry::kDirectory, &hid);
    if (error < 0) return error;
    switch (entry.kind) {
    case LayerEntry::kDirectory:
        return make_directory(parent, name, entry, hid);
    case LayerEntry::kFile:
        return make_file(parent, name, file);
    case LayerEntry::kLink:
        return make_link(root, parent, name, entry);
    case LayerEntry::kSymlink:
        if (symlinkat(entry.target.c_str(), parent, name) < 0) return -errno;
        return finish_by_name(parent, name, entry);
    case LayerEntry::kFifo:
        if (mknodat(parent, name, S_IFIFO | 0600, 0) < 0) return -errno;
        return finish_by_name(parent, name, entry);
    default:
        return -EINVAL;
    }
}

bool is_opaque(int root, const std::string &path) {
    char value = 0;
    Fd fd(open_in(root, path, O_RDONLY | O_DIRECTORY));
    return fd.valid() && fgetxattr(fd.get(), kOpaqueName, &value, 1) == 1 && value == 'y';
}

// Whether something on the way to a path, in this layer, hides what layers below have there.
bool hides(int root, const std::string &path) {
    struct stat status;
    for (std::string at = path; !at.empty(); at = parent_of(at)) {
        Fd fd(open_in(root, at, O_PATH | O_NOFOLLOW));
        if (fd.valid() && fstat(fd.get(), &status) == 0 && !S_ISDIR(status.st_mode)) return true;
        if (is_opaque(root, parent_of(at))) return true;
    }
    return false;
}

} // namespace

int make_entry(int root, const LayerEntry &entry, Fd *file) {
    if (entry.kind == LayerEntry::kOpaque || entry.path.empty()) {
        Fd directory(open_directory(root, entry.path));
        if (!directory.valid()) return -ENOENT;
        if (entry.kind == LayerEntry::kOpaque) return set_opaque(directory.get());
        return entry.kind == LayerEntry::kDirectory ? finish_entry(directory.get(), entry) : -EISDIR;
    }
    int error = open_directory(root, parent_of(entry.path));
    if (error < 0) return error;
    Fd parent(error);
    return make_at(root, parent.get(), name_of(entry.path).c_str(), entry, file);
}

int finish_entry(int fd, const LayerEntry &entry) {
    struct timespec times[2];
    times_of(entry, times);
    // The owner comes first: a change of it takes setuid bits and file capabilities away.
    if (fchown(fd, entry.uid, entry.gid) < 0 || fchmod(fd, entry.mode & kPermissions) < 0) return -errno;
    for (const auto &[name, value] : entry.xattrs)
        if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) < 0) return -errno;
    return futimens(fd, times) < 0 ? -errno : 0;
}

int set_directory_time(int root, const LayerEntry &entry) {
    Fd fd(open_in(root, entry.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!fd.valid()) return 0; // something else has its name by now
    struct timespec times[2];
    times_of(entry, times);
    return futimens(fd.get(), times) < 0 ? -errno : 0;
}

int read_in_root(const std::string &directory, const std::string &path, size_t max_bytes, std::string *text) {
    Fd root(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid()) return -errno;
    // Opened without being read first: a device or a FIFO must not be opened for reading.
    int found = open_in(root.get(), path, O_PATH);
    if (found < 0) return (found == -ENOENT || found == -ENOTDIR) && hides(root.get(), path) ? -ENXIO : found;
    Fd place(found);
    struct stat status;
    if (fstat(place.get(), &status) < 0) return -errno;
    if (is_whiteout(status)) return -ENXIO;
    if (!S_ISREG(status.st_mode)) return -EINVAL;
    if (static_cast<size_t>(status.st_size) > max_bytes) return -EFBIG;
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", place.get());
    Fd fd(open(self, O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return -errno;
    text->resize(static_cast<size_t>(status.st_size));
    size_t done = 0;
    for (ssize_t got = 1; done < text->size() && got > 0; done += got > 0 ? static_cast<size_t>(got) : 0) {
        got = read(fd.get(), text->data() + done, text->size() - done);
        if (got < 0) return -errno;
    }
    text->resize(done);
    return 0;
}
