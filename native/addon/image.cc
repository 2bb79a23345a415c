#include "image.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fd.h"

namespace {

constexpr int kAttempts = 100; // others may take the device that was free

// Where each type has its magic number, in little-endian order on every machine.
struct Type {
    const char *name;
    off_t offset;
    unsigned char magic[4];
};
constexpr Type kTypes[] = {{"squashfs", 0, {'h', 's', 'q', 's'}}, {"erofs", 1024, {0xe2, 0xe1, 0xf5, 0xe0}}};

int open_regular_file(const std::string &path) {
    struct open_how how = {};
    how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    Fd file(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    struct stat status;
    if (!file.valid() || fstat(file.get(), &status) < 0) return -errno;
    return S_ISREG(status.st_mode) ? file.release() : -EBADMSG;
}

const char *type_of(const Fd &file) {
    for (const Type &type : kTypes) {
        unsigned char found[sizeof type.magic];
        bool whole = pread(file.get(), found, sizeof found, type.offset) == static_cast<ssize_t>(sizeof found);
        if (whole && memcmp(found, type.magic, sizeof found) == 0) return type.name;
    }
    return nullptr;
}

// Takes a free loop device for the file and sets `device` to its path. Gives a descriptor that keeps it.
int take_loop(const Fd &file, std::string *device) {
    Fd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control.valid()) return -errno;
    struct loop_config config = {};
    config.fd = static_cast<uint32_t>(file.get());
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    for (int attempt = 0; attempt < kAttempts; attempt++) {
        int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return -errno;
        *device = "/dev/loop" + std::to_string(number);
        Fd loop(open(device->c_str(), O_RDONLY | O_CLOEXEC));
        if (!loop.valid()) return -errno;
        if (ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop.release();
        if (errno != EBUSY) return -errno;
    }
    return -EBUSY;
}

int mount_device(const char *type, const std::string &device) {
    Fd fs(fsopen(type, FSOPEN_CLOEXEC));
    if (!fs.valid() || fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", device.c_str(), 0) < 0 ||
        fsconfig(fs.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0) < 0 ||
        fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
        return -errno;
    int mount = fsmount(fs.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
    return mount < 0 ? -errno : mount;
}

} // namespace

int mount_image(const std::string &path) {
    int fd = open_regular_file(path);
    if (fd < 0) return fd;
    Fd file(fd);
    const char *type = type_of(file);
    if (type == nullptr) return -EBADMSG;
    std::string device;
    fd = take_loop(file, &device);
    if (fd < 0) return fd;
    Fd loop(fd);
    return mount_device(type, device);
}
