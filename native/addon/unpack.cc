#include "unpack.h"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <memory>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "copy_up.h"

namespace {

constexpr mode_t kPermissions = 07777;
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

void times_of(const LayerEntry &entry, struct timespec times[2]) {
    times[0] = times[1] = {static_cast<time_t>(entry.mtime_sec), static_cast<long>(entry.mtime_nsec)};
}

// Opens a directory of this layer; the layers below do not matter. No part of its path may be a link.
int open_own(int root, const std::string &path) {
    struct open_how how = {};
    how.flags = kDirectory;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    long fd = syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how);
    return fd < 0 ? -errno : static_cast<int>(fd);
}

// Removes the file of this name in this layer, unless it is a directory and `for_directory`. `hid` is set to whether
// the file hid the layers below.
int clear_way(int parent, const char *name, bool for_directory, bool *hid) {
    struct stat status;
    *hid = false;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
    *hid = !S_ISDIR(status.st_mode);
    if (S_ISDIR(status.st_mode) && for_directory) return 0;
    return unlinkat(parent, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

// Makes a directory of this layer; with `hid` it has to hide the layers below.
int make_own(int parent, const char *name, bool hid, Fd *fd) {
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST) return -errno;
    fd->reset(openat(parent, name, kDirectory));
    if (!fd->valid()) return -errno;
    return hid ? set_opaque(fd->get()) : 0;
}

// Calls `act` for each name in a directory, until it gives an error.
int each_name(int directory, const std::function<int(const std::string &name)> &act) {
    Fd fd(openat(directory, ".", kDirectory));
    std::unique_ptr<DIR, int (*)(DIR *)> names(fdopendir(fd.get()), closedir);
    if (names == nullptr) return -errno;
    fd.release();
    errno = 0;
    for (const dirent *each; (each = readdir(names.get())) != nullptr; errno = 0) {
        std::string name = each->d_name;
        int error = name == "." || name == ".." ? 0 : act(name);
        if (error < 0) return error;
    }
    return -errno;
}

// Removes the whiteouts below a directory that hides the layers below as a whole: there they have nothing to hide, and
// overlayfs would list them. Opaque directories contain none.
int remove_whiteouts(int root, const std::string &path) {
    std::vector<std::string> todo = {path};
    int error = 0;
    while (error == 0 && !todo.empty()) {
        std::string at = std::move(todo.back());
        todo.pop_back();
        Fd fd(open_own(root, at));
        if (!fd.valid()) return -EIO;
        if (at != path && is_opaque(fd.get())) continue;
        error = each_name(fd.get(), [&](const std::string &name) {
            struct stat status;
            if (fstatat(fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
            if (S_ISDIR(status.st_mode)) todo.push_back(path_in(at, name));
            return is_whiteout(status) && unlinkat(fd.get(), name.c_str(), 0) < 0 ? -errno : 0;
        });
    }
    return error;
}

class Unpacker {
  public:
    Unpacker(const std::vector<int> &layers, const LayerEntry &entry, uint64_t max_bytes, Made *made)
        : layers_(layers), entry_(entry), max_bytes_(max_bytes), made_(made) {}
    int make();

  private:
    int own_directory(const std::string &path, Directory *found);
    int enter_own(const Directory &in, const std::string &name, const Shown *shown, Directory *found);
    int hide_below(const Directory &directory);
    int hide(const Directory &in, const std::string &name);
    int hide_all();
    int make_at(int parent, const std::string &path);
    int finish_directory(int fd, const std::string &path);
    int prepare_link(Directory *from);
    int finish_by_name(int parent, const char *name);

    const std::vector<int> &layers_;
    const LayerEntry &entry_;
    uint64_t max_bytes_;
    Made *made_;
};

// Finds a directory as all layers together show it, through links, and makes it in this layer where it is missing.
int Unpacker::own_directory(const std::string &path, Directory *found) {
    auto enter = [this](const Directory &in, const std::string &name, const Shown *shown, Directory *next) {
        return enter_own(in, name, shown, next);
    };
    Effort effort;
    return walk(layers_, path, enter, &effort, found);
}

// A directory that this layer does not have gets owner, mode, attributes and time of that in the layers below. Where
// the layers below have a file that is no directory, a directory replaces it.
int Unpacker::enter_own(const Directory &in, const std::string &name, const Shown *shown, Directory *found) {
    bool hid = false;
    int top = in.parts[0].get();
    int error = 0;
    if (shown != nullptr && S_ISDIR(shown->status.st_mode))
        error = enter(in, name, found);
    else if (shown != nullptr && shown->part == 0)
        error = -ENOTDIR;
    else
        error = clear_way(top, name.c_str(), true, &hid);
    if (error < 0 || found->in_top) return error;

    Fd fd;
    error = make_own(top, name.c_str(), hid, &fd);
    if (error == 0 && !found->parts.empty()) error = copy_attributes(found->parts[0].get(), fd.get());
    struct stat status;
    if (error < 0 || fstat(fd.get(), &status) < 0) return error < 0 ? error : -errno;
    found->path = path_in(in.path, name);
    found->parts.insert(found->parts.begin(), std::move(fd));
    found->in_top = true;
    made_->directories.push_back({found->path, status.st_mtim.tv_sec, status.st_mtim.tv_nsec});
    return 0;
}

// Hides the contents of a directory in the layers below; those of this layer stay.
int Unpacker::hide_below(const Directory &directory) {
    if (directory.parts.size() < 2) return 0;
    int error = set_opaque(directory.parts[0].get());
    return error < 0 ? error : remove_whiteouts(layers_[0], directory.path);
}

// Hides the file of a name in the layers below; that of this layer stays.
int Unpacker::hide(const Directory &in, const std::string &name) {
    Shown shown;
    Directory directory;
    int error = look(in, name, &shown);
    if (error < 0) return error == -ENOENT ? 0 : error;
    int top = in.parts[0].get();
    if (shown.part > 0) return mknodat(top, name.c_str(), S_IFCHR, 0) < 0 ? -errno : 0;
    if (!S_ISDIR(shown.status.st_mode)) return 0;
    error = enter(in, name, &directory);
    return error < 0 ? error : hide_below(directory);
}

// Overlayfs ignores the opaque attribute of the root of a layer: each name of the layers below gets its own whiteout.
int Unpacker::hide_all() {
    Directory root;
    int error = own_directory("", &root);
    for (size_t i = 1; i < root.parts.size() && error == 0; i++)
        error = each_name(root.parts[i].get(), [&](const std::string &name) { return hide(root, name); });
    return error;
}

// The directory may have been made before its own entry came, with the attributes of the layers below: removes them.
int Unpacker::finish_directory(int fd, const std::string &path) {
    made_->directories.push_back({path, entry_.mtime_sec, entry_.mtime_nsec});
    int error = remove_attributes(fd);
    return error < 0 ? error : finish_entry(fd, entry_);
}

// Finds the directory of a hard link's target, and copies the target into this layer where it is in a layer below.
int Unpacker::prepare_link(Directory *from) {
    Shown shown;
    std::string name = name_of(entry_.target);
    int error = own_directory(parent_of(entry_.target), from);
    if (error == 0) error = look(*from, name, &shown);
    if (error < 0 || shown.part == 0) return error;
    uint64_t left = max_bytes_;
    error = copy_up(shown, from->parts[0].get(), name, &left);
    made_->copied_bytes = max_bytes_ - left;
    return error;
}

// For files that cannot be opened (links, FIFOs): sets owner and time by name. No other process can change the name.
int Unpacker::finish_by_name(int parent, const char *name) {
    struct timespec times[2];
    times_of(entry_, times);
    if (fchownat(parent, name, entry_.uid, entry_.gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (entry_.kind == LayerEntry::kFifo && fchmodat(parent, name, entry_.mode & kPermissions, 0) < 0) return -errno;
    return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

// `path`: of the entry, without links.
int Unpacker::make_at(int parent, const std::string &path) {
    std::string own_name = name_of(path);
    const char *name = own_name.c_str();
    bool hid = false;
    Fd directory;
    Directory from;
    int error = entry_.kind == LayerEntry::kLink ? prepare_link(&from) : 0;
    if (error == 0) error = clear_way(parent, name, entry_.kind == LayerEntry::kDirectory, &hid);
    if (error < 0) return error;
    switch (entry_.kind) {
    case LayerEntry::kDirectory:
        error = make_own(parent, name, hid, &directory);
        return error < 0 ? error : finish_directory(directory.get(), path);
    case LayerEntry::kFile:
        made_->file.reset(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        return made_->file.valid() ? 0 : -errno;
    case LayerEntry::kLink:
        return linkat(from.parts[0].get(), name_of(entry_.target).c_str(), parent, name, 0) < 0 ? -errno : 0;
    case LayerEntry::kSymlink:
        if (symlinkat(entry_.target.c_str(), parent, name) < 0) return -errno;
        return finish_by_name(parent, name);
    case LayerEntry::kFifo:
        if (mknodat(parent, name, S_IFIFO | 0600, 0) < 0) return -errno;
        return finish_by_name(parent, name);
    default:
        return -EINVAL;
    }
}

int Unpacker::make() {
    Directory directory;
    const std::string &path = entry_.path;
    if (entry_.kind == LayerEntry::kOpaque) {
        if (path.empty()) return hide_all();
        int error = own_directory(path, &directory);
        return error < 0 ? error : hide_below(directory);
    }
    if (path.empty()) return entry_.kind == LayerEntry::kDirectory ? finish_directory(layers_[0], "") : -EISDIR;
    bool hides = entry_.kind == LayerEntry::kWhiteout;
    // In most cases this layer has the parent already, and the layers below need not be read.
    Fd own(hides ? -1 : open_own(layers_[0], parent_of(path)));
    if (own.valid()) return make_at(own.get(), path);
    int error = own_directory(parent_of(path), &directory);
    if (error < 0) return error;
    std::string name = name_of(path);
    return hides ? hide(directory, name) : make_at(directory.parts[0].get(), path_in(directory.path, name));
}

} // namespace

int begin_layer(const std::vector<int> &layers, MadeDirectory *root) {
    struct stat status;
    int error = layers.size() > 1 ? copy_attributes(layers[1], layers[0]) : 0;
    if (error < 0 || fstat(layers[0], &status) < 0) return error < 0 ? error : -errno;
    *root = {"", status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    return 0;
}

int make_entry(const std::vector<int> &layers, const LayerEntry &entry, uint64_t max_bytes, Made *made) {
    return Unpacker(layers, entry, max_bytes, made).make();
}

int finish_entry(int fd, const LayerEntry &entry) {
    struct timespec times[2];
    times_of(entry, times);
    // The owner is set first: changing it clears setuid bits and file capabilities.
    if (fchown(fd, entry.uid, entry.gid) < 0 || fchmod(fd, entry.mode & kPermissions) < 0) return -errno;
    for (const auto &[name, value] : entry.xattrs)
        if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) < 0) return -errno;
    return futimens(fd, times) < 0 ? -errno : 0;
}

int set_directory_time(int root, const LayerEntry &entry) {
    Fd fd(open_own(root, entry.path));
    if (!fd.valid()) return 0; // another file has the name by now
    struct timespec times[2];
    times_of(entry, times);
    return futimens(fd.get(), times) < 0 ? -errno : 0;
}
