#include "image.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "pass.h"

namespace {

constexpr int kAttempts = 100; // another process may take the free device before us
constexpr int kApartTimeoutMs = 10'000;
constexpr int kApartFd = 3; // where niwa-reach sends the mount

// Where each type has its magic number, in little-endian order on every machine.
struct Type {
    const char *name;
    off_t offset;
    unsigned char magic[4];
};
constexpr Type kTypes[] = {{"squashfs", 0, {'h', 's', 'q', 's'}}, {"erofs", 1024, {0xe2, 0xe1, 0xf5, 0xe0}}};

// Opens a regular file only: opening a device can have effects (a tape rewinds).
int open_regular_file(const std::string &path) {
    struct open_how how = {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    Fd place(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    struct stat status;
    if (!place.valid() || fstat(place.get(), &status) < 0) return -errno;
    if (!S_ISREG(status.st_mode)) return -EBADMSG;
    std::string self = "/proc/self/fd/" + std::to_string(place.get());
    int fd = open(self.c_str(), O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
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

// Starts `program image PATH` with a socket, and with no other descriptor of niwad. If the process hangs and has the
// pipe of niwad's log open, the reader of that pipe never sees its end. Gives its pid or a negative errno.
pid_t spawn_apart(const std::string &program, const std::string &path, int socket) {
    std::string file = program, what = "image", where = path;
    char *const args[] = {file.data(), what.data(), where.data(), nullptr};
    char *const env[] = {nullptr};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return -error;
    pid_t pid;
    error = posix_spawn_file_actions_adddup2(&actions, socket, kApartFd);
    for (int stream = 0; error == 0 && stream <= STDERR_FILENO; stream++)
        error = posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
    if (error == 0) error = posix_spawn(&pid, program.c_str(), &actions, nullptr, args, env);
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? pid : -error;
}

} // namespace

std::string image_type(const std::string &path) {
    int fd = open_regular_file(path);
    if (fd < 0) return "";
    Fd file(fd);
    const char *type = type_of(file);
    return type == nullptr ? "" : type;
}

int mount_image_apart(const std::string &program, const std::string &path, pid_t *hung) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    Fd ours(pair[0]), theirs(pair[1]);
    pid_t pid = spawn_apart(program, path, theirs.get());
    if (pid < 0) return pid;
    theirs.reset();
    int result = receive_result(ours.get(), kApartTimeoutMs);
    if (result == -ETIMEDOUT)
        *hung = pid;
    else
        waitpid(pid, nullptr, 0); // ends soon: before it sends the result, it has closed everything that may hang
    return result;
}

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
