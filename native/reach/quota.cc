#include "quota.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../core/fd.h"

namespace {

// The number of our projects is this bit plus the inode of the directory: administrators rarely use numbers that high.
constexpr uint32_t kOurs = 0x8000'0000;
constexpr uint64_t kBytesPerInode = 4096;
constexpr uint64_t kLeastInodes = 1024;

int open_host_directory(const std::string &path) {
    struct open_how how = {};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    int fd = static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
    return fd < 0 ? -errno : fd;
}

int open_below(const Fd &parent, const char *name, bool make) {
    if (make && mkdirat(parent.get(), name, 0755) < 0 && errno != EEXIST) return -errno;
    int fd = openat(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int set_limits(const Fd &fd, uint32_t project, uint64_t bytes) {
    struct if_dqblk limits = {};
    limits.dqb_bhardlimit = (bytes + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE;
    limits.dqb_ihardlimit = bytes == 0 ? 0 : bytes / kBytesPerInode + kLeastInodes;
    limits.dqb_valid = QIF_LIMITS;
    return syscall(SYS_quotactl_fd, fd.get(), QCMD(Q_SETQUOTA, PRJQUOTA), project, &limits) < 0 ? -errno : 0;
}

int join_project(const Fd &fd, uint32_t project) {
    struct fsxattr attributes;
    if (ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) < 0) return -errno;
    attributes.fsx_projid = project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return ioctl(fd.get(), FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}

} // namespace

int limit_directory(const std::string &directory, uint64_t bytes) {
    int fd = open_host_directory(directory);
    if (fd < 0) return bytes == 0 ? 0 : fd;
    Fd parent(fd);
    Fd upper(open_below(parent, "upper", bytes != 0));
    Fd work(open_below(parent, "work", bytes != 0));
    struct stat status;
    struct fsxattr attributes = {};
    if (!upper.valid() || !work.valid() || fstat(upper.get(), &status) < 0) return bytes == 0 ? 0 : -ENOTDIR;
    if (ioctl(upper.get(), FS_IOC_FSGETXATTR, &attributes) < 0) return bytes == 0 ? 0 : -errno;
    bool ours = (attributes.fsx_projid & kOurs) != 0;
    if (bytes == 0) return ours ? set_limits(upper, attributes.fsx_projid, 0) : 0;
    uint32_t project = ours ? attributes.fsx_projid : kOurs | static_cast<uint32_t>(status.st_ino);
    int error = set_limits(upper, project, bytes);
    if (error == 0) error = join_project(upper, project);
    return error == 0 ? join_project(work, project) : error;
}
