#include "pack.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <map>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <vector>

#include "../core/fd.h"
#include "fault.h"
#include "tar.h"

namespace {

class Packer {
  public:
    explicit Packer(std::string top) : top_(std::move(top)) {}

    // Packs a directory and all that is below it. There is never more than one directory open, however deep they are.
    void pack_tree(Fd directory) {
        base_ = std::move(directory);
        std::vector<std::string> left = {""};
        while (!left.empty()) {
            std::string path = std::move(left.back());
            left.pop_back();
            pack_directory(path, &left);
        }
    }

    void pack_file(int directory, const std::string &file, const std::string &name, const struct stat &status) {
        TarEntry entry = entry_of(name, status);
        if (S_ISREG(status.st_mode)) return pack_contents(directory, file, entry, status);
        if (S_ISLNK(status.st_mode)) {
            char target[PATH_MAX];
            ssize_t n = readlinkat(directory, file.c_str(), target, sizeof target);
            if (n < 0) return skip_if_gone(name);
            entry.type = kTarSymlink;
            entry.link.assign(target, static_cast<size_t>(n));
            tar_.begin(entry);
        } else if (S_ISFIFO(status.st_mode)) {
            entry.type = kTarFifo;
            tar_.begin(entry);
        }
    }

    void finish() { tar_.finish(); }

  private:
    std::string name_of(const std::string &path) const { return path.empty() ? top_ : top_ + "/" + path; }

    static TarEntry entry_of(const std::string &name, const struct stat &status) {
        TarEntry entry;
        entry.name = name;
        entry.mode = status.st_mode & 07777;
        entry.uid = status.st_uid;
        entry.gid = status.st_gid;
        entry.mtime = status.st_mtim.tv_sec;
        return entry;
    }

    // Others may remove a file while we read its directory.
    static void skip_if_gone(const std::string &name) {
        if (errno != ENOENT) fail(errno, "cannot read " + name);
    }

    // No part of the path is followed where it has become a link meanwhile.
    Fd open_directory(const std::string &path) const {
        struct open_how how = {};
        how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
        return Fd(
            static_cast<int>(syscall(SYS_openat2, base_.get(), path.empty() ? "." : path.c_str(), &how, sizeof how)));
    }

    static bool is_of_the_kernel(const Fd &directory) {
        struct statfs system;
        if (fstatfs(directory.get(), &system) < 0) return false;
        const auto type = static_cast<unsigned long>(system.f_type);
        return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC || type == CGROUP2_SUPER_MAGIC ||
               type == CGROUP_SUPER_MAGIC || type == DEVPTS_SUPER_MAGIC || type == DEBUGFS_MAGIC;
    }

    static std::vector<std::string> names_in(Fd directory, const std::string &name) {
        std::vector<std::string> names;
        DIR *stream = fdopendir(directory.get());
        if (stream == nullptr) fail(errno, "cannot read " + name);
        directory.release();
        errno = 0;
        while (const dirent *one = readdir(stream))
            if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0) names.emplace_back(one->d_name);
        if (errno != 0) fail(errno, "cannot read " + name);
        closedir(stream);
        std::sort(names.begin(), names.end());
        return names;
    }

    // Packs a directory and the files in it; adds the directories in it to those that are left.
    void pack_directory(const std::string &path, std::vector<std::string> *left) {
        const std::string name = name_of(path);
        Fd directory = open_directory(path);
        struct stat status;
        if (!directory.valid() || fstat(directory.get(), &status) < 0) return skip_if_gone(name);
        TarEntry entry = entry_of(name + "/", status);
        entry.type = kTarDirectory;
        tar_.begin(entry);
        if (!path.empty() && is_of_the_kernel(directory)) return;
        Fd reading(fcntl(directory.get(), F_DUPFD_CLOEXEC, 3));
        if (!reading.valid()) fail(errno, "cannot read " + name);
        const size_t before = left->size();
        for (const std::string &file : names_in(std::move(reading), name)) {
            const std::string inside = path.empty() ? file : path + "/" + file;
            if (fstatat(directory.get(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0)
                skip_if_gone(name_of(inside));
            else if (S_ISDIR(status.st_mode))
                left->push_back(inside);
            else
                pack_file(directory.get(), file, name_of(inside), status);
        }
        std::reverse(left->begin() + static_cast<ptrdiff_t>(before), left->end());
    }

    void pack_contents(int directory, const std::string &file, TarEntry &entry, const struct stat &seen) {
        if (seen.st_nlink > 1) {
            auto [first, is_new] = linked_.emplace(std::pair(seen.st_dev, seen.st_ino), entry.name);
            if (!is_new) {
                entry.type = kTarHardLink;
                entry.link = first->second;
                return tar_.begin(entry);
            }
        }
        // It may have become a FIFO meanwhile, whose open would wait.
        Fd contents(openat(directory, file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        struct stat status;
        if (!contents.valid() || fstat(contents.get(), &status) < 0) return skip_if_gone(entry.name);
        if (!S_ISREG(status.st_mode)) return;
        entry.size = status.st_size;
        tar_.begin(entry);
        send(contents, entry);
        tar_.end_file(entry.size);
    }

    // Sends as many bytes as the header says, although the file may grow or shrink.
    void send(const Fd &contents, const TarEntry &entry) {
        char bytes[64 * 1024];
        for (int64_t left = entry.size; left > 0;) {
            size_t part = std::min(sizeof bytes, static_cast<size_t>(left));
            ssize_t n = read(contents.get(), bytes, part);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail(errno, "cannot read " + entry.name);
            if (n == 0) memset(bytes, 0, part);
            size_t sent = n == 0 ? part : static_cast<size_t>(n);
            tar_.data(bytes, sent);
            left -= static_cast<int64_t>(sent);
        }
    }

    std::string top_; // the name of the tree
    Fd base_;         // its directory
    std::map<std::pair<dev_t, ino_t>, std::string> linked_;
    TarWriter tar_;
};

// The last part of a path; "." where that does not name a file of its own.
std::string last_part(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    std::string last = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
    return last.empty() || last == ".." ? "." : last;
}

} // namespace

void pack(const std::string &path, bool follow) {
    struct stat status;
    if (fstatat(AT_FDCWD, path.c_str(), &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        fail(errno, "cannot read " + path);
    static Packer packer(last_part(path));
    if (S_ISDIR(status.st_mode)) {
        Fd directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW)));
        if (!directory.valid()) fail(errno, "cannot read " + path);
        packer.pack_tree(std::move(directory));
    } else {
        if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) && !S_ISFIFO(status.st_mode))
            fail(EBADMSG, path + " is a device or a socket: it is not copied");
        char real[PATH_MAX];
        const bool is_link = follow && realpath(path.c_str(), real) != nullptr;
        packer.pack_file(AT_FDCWD, is_link ? real : path, last_part(path), status);
    }
    packer.finish();
}
