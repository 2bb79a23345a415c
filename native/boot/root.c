#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bare.h"
#include "change.h"
#include "mount.h"

// Renames without end let a part of the tries fail, see root_open(), but never so many in a row. A longer failure has
// another cause: then the start fails, instead of trying for ever.
#define MOST_TRIES 10000

// Whoever renames a file or mounts something on this machine while the kernel is behind a "..", also of a link, gets it
// to give the path up (EAGAIN, see openat2(2)): it cannot tell then that the path has not left the root.
int root_open(const struct boot *boot, const char *path, int flags) {
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (boot->root < 0) return -EBADF;
    for (int tries = 1;; tries++) {
        long fd = syscall(SYS_openat2, boot->root, path[0] != 0 ? path : "/", &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if (errno != EAGAIN || tries == MOST_TRIES) return -errno;
    }
}

int host_open(const char *path, bool follows) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = follows ? 0 : RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

// Files are made as the container's root user: on an id-mapped mount the kernel refuses other owners (EOVERFLOW).
static void act_as_owner(const struct boot *boot) {
    setfsgid(boot->owner_gid);
    setfsuid(boot->owner_uid);
}

static void act_as_root(void) {
    setfsuid(0);
    setfsgid(0);
}

int root_make(const struct boot *boot, int parent, const char *name, mode_t mode) {
    act_as_owner(boot);
    int fd = -1;
    bool made;
    if (S_ISDIR(mode)) {
        made = mkdirat(parent, name, mode & 07777) == 0;
    } else {
        fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 07777);
        made = fd >= 0;
    }
    int error = made || errno == EEXIST ? 0 : -errno;
    if (fd >= 0) close(fd);
    act_as_root();
    return error;
}

// Makes the missing parts of a path. The parent is opened by its whole path each time, so that the kernel resolves
// links on the way, inside the root.
int root_mkdir(const struct boot *boot, const char *path, mode_t mode) {
    int fd = root_open(boot, path, O_PATH | O_DIRECTORY);
    if (fd != -ENOENT) return fd;
    const char *name;
    int parent = root_parent(boot, path, &name);
    if (parent < 0) return parent;
    int error = root_make(boot, parent, name, S_IFDIR | mode);
    close(parent);
    return error < 0 ? error : root_open(boot, path, O_PATH | O_DIRECTORY);
}

// Points `name` at the last part of `path`. Gives 0, or -EINVAL where it is no name.
static int find_name(const char *path, const char **name) {
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    return **name == 0 || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0 ? -EINVAL : 0;
}

int root_parent(const struct boot *boot, const char *path, const char **name) {
    const char *slash = strrchr(path, '/');
    if (find_name(path, name) < 0) return -EINVAL;
    if (slash == NULL || slash == path) return root_open(boot, "/", O_PATH | O_DIRECTORY);
    char *parent = strndup(path, (size_t)(slash - path)); // on the heap: thousands of parts may be missing
    if (parent == NULL) return -ENOMEM;
    int fd = root_mkdir(boot, parent, 0755);
    free(parent);
    return fd;
}

// root(uid, gid, [follows links], path): `path`, a mount point of the host, becomes the root of later operations. Files
// that they make are owned by these ids of the host.
int op_root(struct boot *boot, const struct op *op) {
    bool follows = op->number_count > 2 && op->numbers[2] != 0;
    int fd = follows ? host_open(op->strings[0], true) : open_place(op->strings[0]);
    if (fd < 0) return fd;
    if (boot->root >= 0) close(boot->root);
    boot->root = fd;
    boot->owner_uid = (uid_t)op->numbers[0];
    boot->owner_gid = (gid_t)op->numbers[1];
    return 0;
}

// show-root(path): moves the mount of the root to a directory of the host, by which programs of the host name it: what
// they mount there is in the root. A user of a namespace who may not enter that directory leaves it where it is.
int op_show_root(struct boot *boot, const struct op *op) {
    int place = host_open(op->strings[0], true);
    if (place == -EACCES) return 0;
    if (place < 0) return place;
    int error =
        move_mount(boot->root, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
    close(place);
    return error;
}

// remount-root(attributes, change..., [path]): sets mount attributes on the root's own mount, or on that of a path in
// it, and changes it.
int op_remount_root(struct boot *boot, const struct op *op) {
    struct mount_attr attributes = {.attr_set = op->numbers[0]};
    int fd = root_open(boot, op->string_count > 0 ? op->strings[0] : "/", O_PATH);
    if (fd < 0) return fd;
    int error = mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : 0;
    if (error == 0) error = change_mount(fd, op->numbers + 1, op->number_count - 1);
    close(fd);
    return error;
}

// Detaches all mounts of the host, which are stacked on the new root. Where they are still peers of those of the host,
// `old`, their root, becomes a slave first: the detaching would else go to the host.
static int detach_host(int old) {
    bool detached = (old < 0 || (fchdir(old) == 0 && mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) == 0)) &&
                    umount2(".", MNT_DETACH) == 0;
    return detached ? 0 : -errno;
}

enum way { PIVOT = 0, PIVOT_SHARED = 1, MOVE = 2, CHANGE = 3 };

// Moves the root, which is the working directory, over "/".
static int move_root(void) {
    char place[PATH_MAX];
    if (syscall(SYS_getcwd, place, sizeof place) < 0) return -errno;
    int error = hide_bare(place);
    if (error < 0) return error;
    return mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ? -errno : 0;
}

// pivot(way): the root becomes "/", and all mounts of the host are detached. With "." for both arguments the
// old root is stacked on the new one and needs no place in it, see pivot_root(2). With MOVE the root is moved over "/"
// instead: the first root of a machine, a ramdisk, cannot be pivoted. With CHANGE nothing is mounted or detached: the
// mount namespace is that of others.
int op_pivot(struct boot *boot, const struct op *op) {
    uint64_t way = op->number_count > 0 ? op->numbers[0] : PIVOT;
    int old = way == PIVOT_SHARED ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (way == PIVOT_SHARED && old < 0) return -errno;
    int error = 0;
    if (fchdir(boot->root) < 0)
        error = -errno;
    else if (way == CHANGE)
        error = chroot(".") < 0 ? -errno : 0;
    else if (way == MOVE)
        error = move_root();
    else
        error = syscall(SYS_pivot_root, ".", ".") < 0 ? -errno : detach_host(old);
    if (old >= 0) close(old);
    return error < 0 ? error : chdir("/") < 0 ? -errno : 0;
}

// mkdir(mode, in root, uid, gid, path): makes the directory and its missing parents inside the root; with `in root` 0,
// makes only the directory itself, on the host, owned by these ids.
int op_mkdir(struct boot *boot, const struct op *op) {
    mode_t mode = (mode_t)op->numbers[0];
    const char *path = op->strings[0];
    if (op->numbers[1] == 0) {
        bool made = mkdir(path, mode) == 0 && chown(path, (uid_t)op->numbers[2], (gid_t)op->numbers[3]) == 0;
        return made ? 0 : -errno;
    }
    int fd = root_mkdir(boot, path, mode);
    if (fd < 0) return fd;
    close(fd);
    return 0;
}

// Opens the directory that holds `path`. The operations that make devices and links stand one behind the other: those
// in the same directory share its descriptor, which forget_parent() closes.
static int shared_parent(struct boot *boot, const char *path, const char **name) {
    if (find_name(path, name) < 0) return -EINVAL;
    size_t length = (size_t)(*name - path);
    if (boot->parent >= 0 && length == boot->parent_length && strncmp(path, boot->parent_path, length) == 0)
        return boot->parent;
    forget_parent(boot);
    boot->parent = root_parent(boot, path, name);
    boot->parent_path = path;
    boot->parent_length = length;
    return boot->parent;
}

void forget_parent(struct boot *boot) {
    if (boot->parent >= 0) close(boot->parent);
    boot->parent = -1;
}

// symlink(target, path): does nothing where `path` exists.
int op_symlink(struct boot *boot, const struct op *op) {
    const char *name;
    int parent = shared_parent(boot, op->strings[1], &name);
    if (parent < 0) return parent;
    act_as_owner(boot);
    int error = symlinkat(op->strings[0], parent, name) < 0 && errno != EEXIST ? -errno : 0;
    act_as_root();
    return error;
}

// Whether the device that is to be made is there already.
static bool is_same_device(int parent, const char *name, mode_t mode, dev_t device) {
    struct stat status;
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool same =
        fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == (mode & S_IFMT) && status.st_rdev == device;
    if (fd >= 0) close(fd);
    return same;
}

// mknod(mode with type, device number, [uid, gid,] path): does nothing where the same device exists.
int op_mknod(struct boot *boot, const struct op *op) {
    const char *name;
    int parent = shared_parent(boot, op->strings[0], &name);
    if (parent < 0) return parent;
    mode_t mode = (mode_t)op->numbers[0];
    dev_t device = (dev_t)op->numbers[1];
    if (mknodat(parent, name, mode, device) < 0) {
        int error = -errno;
        return error == -EEXIST && is_same_device(parent, name, mode, device) ? 0 : error;
    }
    if (op->number_count < 4) return 0;
    return syscall(SYS_fchownat, parent, name, op->numbers[2], op->numbers[3], AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}
