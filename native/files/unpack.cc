#include "unpack.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

#include "../core/fd.h"
#include "fault.h"
#include "tar.h"

namespace {

constexpr int kMostTries = 10000; // of a path that others disturb; as MOST_TRIES in native/boot/root.c

using Parts = std::vector<std::string>;

// The parts of a name in a tar. A slash at its begin means nothing.
Parts parts_of(const std::string &name) {
    Parts parts;
    for (size_t at = 0; at < name.size();) {
        size_t end = std::min(name.find('/', at), name.size());
        std::string part = name.substr(at, end - at);
        if (part == "..") fail(EBADMSG, "the tar names " + name + ", which leads out of it");
        if (!part.empty() && part != ".") parts.push_back(part);
        at = end + 1;
    }
    return parts;
}

std::string joined(const Parts &parts, size_t count) {
    std::string path;
    for (size_t i = 0; i < count; i++) path += (i == 0 ? "" : "/") + parts[i];
    return path;
}

class Unpacker {
  public:
    explicit Unpacker(const UnpackOptions &options) : options_(options) {
        base_.reset(open(options.target.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        name_ = options.name;
        if (!base_.valid()) become_target(errno);
        struct stat base, root;
        bool is_root = fstat(base_.get(), &base) == 0 && stat("/", &root) == 0 && base.st_dev == root.st_dev &&
                       base.st_ino == root.st_ino;
        // Absolute links lead out of every other directory.
        resolve_ = (is_root ? RESOLVE_IN_ROOT : RESOLVE_BENEATH) | RESOLVE_NO_MAGICLINKS;
        // A link of the tar may lead to a neighbour of its tree, such as .ssh, without leaving the base.
        if (options.plain) resolve_ |= RESOLVE_NO_SYMLINKS;
    }

    void run() {
        TarEntry entry;
        while (tar_.next(&entry)) make(entry);
        tar_.drain();
        for (auto made = directories_.rbegin(); made != directories_.rend(); ++made) finish_directory(*made);
    }

  private:
    struct MadeDirectory {
        std::string path;
        mode_t mode;
        int64_t mtime;
    };

    // The target is no directory: what is unpacked becomes it.
    void become_target(int error) {
        std::string target = options_.target;
        const bool has_slash = target.size() > 1 && target.back() == '/';
        while (target.size() > 1 && target.back() == '/') target.pop_back();
        const size_t slash = target.rfind('/');
        const std::string last = slash == std::string::npos ? target : target.substr(slash + 1);
        if ((error != ENOENT && error != ENOTDIR) || options_.name.empty() || last == "." || last == "..")
            fail(error, "cannot unpack in " + options_.target);
        const std::string parent = slash == std::string::npos ? "." : target.substr(0, std::max(slash, size_t{1}));
        base_.reset(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!base_.valid()) fail(errno, "cannot unpack in " + parent);
        name_ = last;
        needs_directory_ = has_slash;
    }

    // Where a file of the tar comes to. Where a name is given, it takes the place of the first part, which is the same
    // for all files of the tar: a stranger's tar must not choose which files of the target it replaces.
    Parts place_of(const std::string &name) {
        Parts parts = parts_of(name);
        if (options_.name.empty()) return parts;
        const bool has_top = !(name == "." || name.compare(0, 2, "./") == 0) && !parts.empty();
        const std::string top = has_top ? parts[0] : ".";
        if (top_.empty()) top_ = top;
        if (top != top_) fail(EBADMSG, "the tar has more than one file or tree: " + name + " is not in " + top_);
        if (has_top) parts.erase(parts.begin());
        if (name_ != ".") parts.insert(parts.begin(), name_);
        return parts;
    }

    // The kernel gives a path with "..", also of a link, up (EAGAIN) where others rename files meanwhile, anywhere on
    // this machine.
    Fd open_place(const std::string &path, uint64_t flags) const {
        struct open_how how = {};
        how.flags = flags | O_CLOEXEC;
        how.resolve = resolve_;
        const char *name = path.empty() ? "." : path.c_str();
        long fd = -1;
        for (int tries = 0; tries < kMostTries && fd < 0 && (tries == 0 || errno == EAGAIN); tries++)
            fd = syscall(SYS_openat2, base_.get(), name, &how, sizeof how);
        return Fd(static_cast<int>(fd));
    }

    // Opens the directory of the first `count` parts; makes those that are missing.
    Fd open_parents(const Parts &parts, size_t count) {
        const std::string path = joined(parts, count);
        Fd directory = open_place(path, O_PATH | O_DIRECTORY);
        if (directory.valid()) return directory;
        if (errno == ELOOP) fail(errno, "cannot unpack behind a link, in " + path);
        if (errno != ENOENT || count == 0) fail(errno, "cannot unpack in " + path);
        Fd parent = open_parents(parts, count - 1);
        if (mkdirat(parent.get(), parts[count - 1].c_str(), 0755) < 0 && errno != EEXIST)
            fail(errno, "cannot make the directory " + path);
        directory = open_place(path, O_PATH | O_DIRECTORY);
        if (!directory.valid()) fail(errno, "cannot unpack in " + path);
        return directory;
    }

    void make(const TarEntry &entry) {
        Parts parts = place_of(entry.name);
        if (parts.empty()) { // the target itself
            if (entry.type != kTarDirectory) fail(EBADMSG, "the tar has a file without a name");
            return;
        }
        if (needs_directory_ && parts.size() == 1 && entry.type != kTarDirectory)
            fail(ENOTDIR, "cannot make the file " + options_.target);
        Fd parent = open_parents(parts, parts.size() - 1);
        const std::string path = joined(parts, parts.size());
        if (entry.type == kTarDirectory) return make_directory(parent, parts.back(), path, entry);
        if (entry.type == kTarHardLink) return make_hard_link(parent, parts, path, entry);
        if (entry.type == kTarCharacter || entry.type == kTarBlock) return;
        if (entry.type == kTarFile) return make_file(parent, parts.back(), path, entry);
        if (entry.type != kTarSymlink && entry.type != kTarFifo)
            fail(EBADMSG, "the tar has a file of the unknown type '" + std::string(1, entry.type) + "': " + path);
        remove_file(parent, parts.back(), path);
        const char *name = parts.back().c_str();
        int made = entry.type == kTarSymlink ? symlinkat(entry.link.c_str(), parent.get(), name)
                                             : mkfifoat(parent.get(), name, entry.mode & 0777);
        if (made < 0) fail(errno, "cannot make " + path);
        if (options_.keep_owner && fchownat(parent.get(), name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) < 0)
            fail(errno, "cannot change the owner of " + path);
        const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
        (void)utimensat(parent.get(), name, times, AT_SYMLINK_NOFOLLOW);
    }

    // A file that is there is removed, never written to: it may be a link.
    static void remove_file(const Fd &parent, const std::string &name, const std::string &path) {
        struct stat status;
        if (fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return;
        if (S_ISDIR(status.st_mode)) fail(EISDIR, "cannot replace the directory " + path + " by a file");
        if (unlinkat(parent.get(), name.c_str(), 0) < 0 && errno != ENOENT) fail(errno, "cannot replace " + path);
    }

    mode_t mode_of(const TarEntry &entry) const { return entry.mode & (options_.plain ? 0777 : 07777); }

    void give_owner(const Fd &file, const TarEntry &entry, const std::string &path) const {
        if (options_.keep_owner && fchown(file.get(), entry.uid, entry.gid) < 0)
            fail(errno, "cannot change the owner of " + path);
    }

    void make_directory(const Fd &parent, const std::string &name, const std::string &path, const TarEntry &entry) {
        const bool is_new = mkdirat(parent.get(), name.c_str(), 0700) == 0;
        if (!is_new && errno != EEXIST) fail(errno, "cannot make the directory " + path);
        Fd directory = open_place(path, is_new ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW : O_PATH | O_DIRECTORY);
        if (!directory.valid()) fail(errno, "cannot make the directory " + path);
        if (!is_new) return;
        give_owner(directory, entry, path);
        directories_.push_back({path, mode_of(entry), entry.mtime});
    }

    // The mode and the time of a directory come last: it may forbid to make files in it, and each of them changes its
    // time.
    void finish_directory(const MadeDirectory &made) const {
        Fd directory = open_place(made.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!directory.valid() || fchmod(directory.get(), made.mode) < 0)
            fail(errno, "cannot set the mode of " + made.path);
        const timespec times[2] = {{made.mtime, 0}, {made.mtime, 0}};
        (void)futimens(directory.get(), times);
    }

    void make_hard_link(const Fd &parent, const Parts &parts, const std::string &path, const TarEntry &entry) {
        Parts target = place_of(entry.link);
        if (target.empty()) fail(EBADMSG, "the tar has a link without a target: " + path);
        if (target == parts) return;
        Fd directory = open_parents(target, target.size() - 1);
        remove_file(parent, parts.back(), path);
        if (linkat(directory.get(), target.back().c_str(), parent.get(), parts.back().c_str(), 0) < 0)
            fail(errno, "cannot link " + path + " to " + joined(target, target.size()));
    }

    void make_file(const Fd &parent, const std::string &name, const std::string &path, const TarEntry &entry) {
        remove_file(parent, name, path);
        Fd file(openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!file.valid()) fail(errno, "cannot make " + path);
        write_contents(file, path, entry.size);
        give_owner(file, entry, path);
        if (fchmod(file.get(), mode_of(entry)) < 0) fail(errno, "cannot set the mode of " + path);
        const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
        (void)futimens(file.get(), times);
    }

    // Zeros become holes: a sparse file of the other side does not fill the disk of this one.
    void write_contents(const Fd &file, const std::string &path, int64_t size) {
        static const char zeros[4096] = {};
        char bytes[sizeof zeros];
        off_t at = 0;
        while (size_t n = read_block(bytes, sizeof bytes)) {
            const bool is_hole = n == sizeof bytes && memcmp(bytes, zeros, n) == 0;
            for (size_t done = 0; !is_hole && done < n;) {
                ssize_t written = pwrite(file.get(), bytes + done, n - done, at + static_cast<off_t>(done));
                if (written < 0 && errno != EINTR) fail(errno, "cannot write " + path);
                if (written > 0) done += static_cast<size_t>(written);
            }
            at += static_cast<off_t>(n);
        }
        if (ftruncate(file.get(), size) < 0) fail(errno, "cannot write " + path);
    }

    // Reads a whole block, or what is left of the contents.
    size_t read_block(char *bytes, size_t size) { return tar_.data(bytes, size); }

    const UnpackOptions &options_;
    Fd base_;              // the directory that nothing leaves
    std::string name_;     // what the top of the tar becomes in it
    std::string top_;      // the first part of all names of the tar, once one is known
    uint64_t resolve_ = 0; // how paths in the base are followed
    bool needs_directory_ = false;
    std::vector<MadeDirectory> directories_;
    TarReader tar_;
};

} // namespace

void unpack(const UnpackOptions &options) {
    static Unpacker unpacker(options);
    unpacker.run();
}
