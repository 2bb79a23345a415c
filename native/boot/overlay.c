// An overlay of directories that are gathered on the stage.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount.h"
#include "root.h"

// Makes a directory, unless there is one. Gives 0 or a negative errno, ENOTDIR for a link.
static int make_directory(int parent, const char *name) {
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST) return -errno;
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -errno;
    close(fd);
    return 0;
}

// upper(idmap, path, target): `path` in the daemon's view, with directories "upper" and "work" in it, is bound to
// `target`. They belong to user 0 on disk: the container's root, seen through the id-mapped mount.
int op_upper(struct boot *boot, const struct op *op) {
    (void)boot;
    int source = host_open(op->strings[0]);
    if (source < 0) return source;
    int error = make_directory(source, "upper");
    if (error == 0) error = make_directory(source, "work");
    int copy = error < 0 ? error : copy_mount(source, false, 0, op->numbers[0] != 0 ? CONTAINER_FD : NO_USERNS, false);
    close(source);
    return attach(copy, open_place(op->strings[1]));
}

// The overlay makes its own files as who mounts it. On an id-mapped directory only ids of the container can make any,
// and the capabilities that go with another file system user are still needed.
static int act_as(uid_t uid, gid_t gid) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    setfsgid(gid);
    setfsuid(uid);
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int word = 0; word < 2; word++) data[word].effective = data[word].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

// overlay(attributes, uid, gid, directory, target, options): the kernel resolves the paths of the options itself, as
// paths. With `directory` as the root meanwhile, no link in them leads out of it, and they are short. The options of
// mount(2) are a page; a value of fsconfig(2), at most 255 characters, is too short for many layers. MOUNT_ATTR_* of
// one bit are the same as MS_*.
int op_overlay(struct boot *boot, const struct op *op) {
    (void)boot;
    int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0) return -errno;
    int error = act_as((uid_t)op->numbers[1], (gid_t)op->numbers[2]);
    if (error == 0 && (chdir(op->strings[0]) < 0 || chroot(".") < 0 ||
                       mount("overlay", op->strings[1], "overlay", op->numbers[0], op->strings[2]) < 0))
        error = -errno;
    if ((fchdir(host) < 0 || chroot(".") < 0) && error == 0) error = -errno;
    close(host);
    int back = act_as(0, 0);
    return error < 0 ? error : back;
}
