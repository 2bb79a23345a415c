// The overlay mount of the root, from directories that were mounted next to each other before.
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

// Makes another user the owner of files that are made from now on, and keeps all capabilities of root.
static int act_as(uid_t uid, gid_t gid) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    setfsgid(gid);
    setfsuid(uid);
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int word = 0; word < 2; word++) data[word].effective = data[word].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

// Makes a directory where it does not exist. Gives its owner's uid or a negative errno, ENOTDIR for a link.
static int64_t make_directory(int parent, const char *name) {
    struct stat status;
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST) return -errno;
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -errno;
    int64_t owner = fstat(fd, &status) < 0 ? -errno : (int64_t)status.st_uid;
    close(fd);
    return owner;
}

// upper(userns, uid, gid, path, target): binds `path`, a directory of the host, to `target`, after making "upper" and
// "work" in it, owned by these ids on disk. `userns` is the descriptor of the user namespace that maps them, or 0. The
// owner of an existing directory is not changed: another user may have put a directory of root in its place. It is an
// error (EPERM) where the owner is another: the map does not have it, and the kernel would silently mount the overlay
// read-only.
int op_upper(struct boot *boot, const struct op *op) {
    (void)boot;
    int source = host_open(op->strings[0], false);
    if (source < 0) return source;
    uid_t uid = (uid_t)op->numbers[1];
    int error = act_as(uid, (gid_t)op->numbers[2]);
    int64_t owner = error < 0 ? error : make_directory(source, "upper");
    if (owner >= 0) owner = make_directory(source, "work");
    int back = act_as(0, 0);
    error = owner < 0 ? (int)owner : uid != 0 && owner != uid ? -EPERM : back;
    int copy = error < 0 ? error : copy_mount(source, false, 0, (int)op->numbers[0], false);
    close(source);
    return attach(copy, open_place(op->strings[1]));
}

// overlay(attributes, uid, gid, directory, target, options): mounts an overlay. The kernel resolves the paths in the
// options. While it does, `directory` is our root: so no link in them leads out of it, and the paths are short.
// mount(2) takes a page of options; a value of fsconfig(2) has at most 255 characters, too few for many layers. The
// attributes are single bits, where MOUNT_ATTR_* and MS_* are equal. The overlay makes its own files as the user that
// mounts it: on an id-mapped directory only ids of the container can make files.
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
