#include "plain_path.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../core/clock.h"
#include "../core/fd.h"
#include "file_closer.h"

namespace {

constexpr size_t kMostOfTableBytes = 256 * 1024; // some 2,000 mounts; to read more would hold up niwad
constexpr uint64_t kBetweenReadsNs = 1'000'000'000;

// File systems that have no d_weak_revalidate (Documentation/filesystems/vfs.rst). It is the one function of a file
// system that the kernel calls for O_PATH with RESOLVE_CACHED and that may wait: at the root of a mount. An overlay
// calls those of its layers, of which niwad would have the mounts, too, if they were remote.
const std::set<std::string> kHarmless = {
    "autofs",  "bcachefs", "binfmt_misc", "bpf",       "btrfs",     "cgroup",     "cgroup2",  "configfs", "debugfs",
    "devpts",  "devtmpfs", "efivarfs",    "erofs",     "exfat",     "ext2",       "ext3",     "ext4",     "f2fs",
    "fuse",    "fuseblk",  "fusectl",     "hugetlbfs", "iso9660",   "mqueue",     "nsfs",     "ntfs3",    "overlay",
    "proc",    "pstore",   "ramfs",       "rootfs",    "selinuxfs", "securityfs", "squashfs", "sysfs",    "tmpfs",
    "tracefs", "udf",      "vfat",        "virtiofs",  "xfs"};

// The mounts that a path of niwad can lead to.
class Mounts {
  public:
    // Whether all of them are harmless. A directory with a mount in it can be renamed, so it does not suffice to know
    // those on the way to a path.
    bool are_harmless() {
        if (!table_.valid()) table_.reset(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
        if (!table_.valid()) return false;
        struct pollfd change = {table_.get(), POLLPRI, 0};
        if (poll(&change, 1, 0) != 0) stale_ = true; // proc_pid_mountinfo(5)
        uint64_t now = boottime_ns();
        if (stale_ && now - read_at_ >= kBetweenReadsNs) {
            read_at_ = now;
            stale_ = false;
            harmless_ = read_table();
        }
        return harmless_ && !stale_;
    }

  private:
    // The kernel asks each file system for its options. Of the harmless ones only btrfs may read its disk for that: for
    // the name of its subvolume.
    bool read_table() {
        std::string text(kMostOfTableBytes, 0);
        size_t length = 0;
        for (ssize_t got = 1; got > 0; length += static_cast<size_t>(got)) {
            if (length == text.size()) return false;
            got = pread(table_.get(), text.data() + length, text.size() - length, static_cast<off_t>(length));
            if (got < 0) return false;
        }
        text.resize(length);
        for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
            if (!is_harmless(text.substr(at, end - at))) return false;
        return true;
    }

    // The type stands behind the first field that is a hyphen; "fuse.sshfs" is of the type fuse. No field before it has
    // spaces in it.
    static bool is_harmless(const std::string &line) {
        size_t hyphen = line.find(" - ");
        if (hyphen == std::string::npos) return false;
        size_t begin = hyphen + 3;
        return kHarmless.count(line.substr(begin, line.find_first_of(" .", begin) - begin)) > 0;
    }

    Fd table_;
    bool stale_ = true;
    bool harmless_ = false;
    uint64_t read_at_ = 0;
};

} // namespace

std::optional<Place> look_at_path(const std::string &path) {
    static Mounts mounts; // used by the thread of JavaScript alone
    static FileCloser &closer = *new FileCloser;
    if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos) return {};
    if (!mounts.are_harmless() || !closer.is_ready()) return {};
    struct open_how how = {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_CACHED | RESOLVE_NO_SYMLINKS;
    Fd found(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    if (!found.valid()) return {};
    Place place = place_of(found.get());
    if (!S_ISDIR(place.mode)) closer.close(std::move(found));
    return place;
}
