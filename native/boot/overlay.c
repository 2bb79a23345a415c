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

// Acts on files as another user, with all capabilities that go with root's.
static int act_as(uid_t uid, gid_t gid) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    setfsgid(gid);
    setfsuid(uid);
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int word = 0; word < 2; word++) data[word].effective = data[word].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

// Makes a directory, unless there is one. Gives its owner's uid or a negative errno, ENOTDIR for a link.
static int64_t make_directory(int parent, const char *name) {
    struct stat status;
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST) return -errno;
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -errno;
    int64_t owner = fstat(fd, &status) < 0 ? -errno : (int64_t)status.st_uid;
    close(fd);
    return owner;
}

// upper(userns, uid, gid, path, target): `path` in the daemon's view, with directories "upper" and "work" in it, is
// bound to `target`. What is made belongs to these ids on disk: who they are in the container is said by the user
// namespace behind the descriptor `userns`, or 0. An owner is never changed: others may put directories of root's in
// the place of one. The kernel would show an overlay read-only, without a word, where "work" belongs to nobody that the
// map has: EPERM.
int op_upper(struct boot *boot, const struct op *op) {
    (void)boot;
    int source = host_open(op->strings[0]);
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

// overlay(attributes, uid, gid, directory, target, options): the kernel resolves the paths of the options itself, as
// paths. With `directory` as the root meanwhile, no link in them leads out of it, and they are short. The options of
// mount(2) are a page; a value of fsconfig(2), at most 255 characters, is too short for many layers. MOUNT_ATTR_* of
// one bit are the same as MS_*. The overlay makes its own files as who mounts it: on an id-mapped directory only ids of
// the container can make any.
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
