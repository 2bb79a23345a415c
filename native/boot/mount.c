// Mounts. A file system is made detached (fsopen, fsmount) or taken from the host as a detached copy (open_tree), gets
// its attributes, and is moved onto a descriptor of its target: no path is ever resolved twice.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "change.h"
#include "copy.h"
#include "mount.h"
#include "new_mount.h"
#include "root.h"

int open_place(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool is_root(const struct boot *boot, int fd) {
    struct stat root, status;
    return fstat(boot->root, &root) == 0 && fstat(fd, &status) == 0 && root.st_dev == status.st_dev &&
           root.st_ino == status.st_ino;
}

// Opens a directory inside the root to mount on, made where it is missing. Refuses the root itself, to which a link of
// an image may lead: a mount there would hide everything that is checked and protected afterwards.
static int open_directory(const struct boot *boot, const char *path) {
    int fd = root_mkdir(boot, path, 0755);
    if (fd < 0 || !is_root(boot, fd)) return fd;
    close(fd);
    return -EBUSY;
}

// Opens a target: inside the root, made as `directory` or file where it is missing; or a directory of the host.
static int open_target(const struct boot *boot, const char *path, bool in_root, bool directory) {
    if (!in_root) return open_place(path);
    if (directory) return open_directory(boot, path);
    int fd = root_open(boot, path, O_PATH);
    if (fd != -ENOENT) return fd;
    const char *name;
    int parent = root_parent(boot, path, &name);
    if (parent < 0) return parent;
    int error = root_make(boot, parent, name, S_IFREG | 0644);
    close(parent);
    return error < 0 ? error : root_open(boot, path, O_PATH);
}

int attach(int mount_fd, int target) {
    int error = mount_fd < 0 ? mount_fd : target < 0 ? target : 0;
    if (error == 0 && move_mount(mount_fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        error = -errno;
    if (mount_fd >= 0) close(mount_fd);
    if (target >= 0) close(target);
    return error;
}

// Keeps descriptors of procfs and sysfs: their files are protected later, by these descriptors and not by path.
static int keep(struct boot *boot, const char *type, int mount_fd) {
    int *kept = strcmp(type, "proc") == 0 ? &boot->proc : strcmp(type, "sysfs") == 0 ? &boot->sys : NULL;
    if (kept != NULL && (*kept = fcntl(mount_fd, F_DUPFD_CLOEXEC, 0)) < 0) return -errno;
    return 0;
}

// Copies what is in the directory that the mount covers, if there is one. Gives 0 or a negative errno.
static int fill(const struct boot *boot, int mount_fd, const char *target, bool itself) {
    int covered = root_open(boot, target, O_RDONLY | O_DIRECTORY);
    if (covered < 0) return covered == -ENOENT ? 0 : covered;
    int error = copy_directory(covered, mount_fd, itself);
    close(covered);
    return error;
}

// mount(attributes, in root, fill, change..., type, source, target, option...): with `fill` 1, the file system begins
// with what is in the directory that it covers; with 2, also with the owner and the mode of the directory.
int op_mount(struct boot *boot, const struct op *op) {
    const char *target = op->strings[2];
    uint64_t fills = op->number_count > 2 ? op->numbers[2] : 0;
    struct new_mount wanted = {op->strings[0], op->strings[1], op->strings + 3, op->string_count - 3, op->numbers[0]};
    int mount_fd = is_long(&wanted) ? new_long_mount(&wanted, open_target(boot, target, op->numbers[1] != 0, true))
                                    : new_mount(&wanted);
    if (mount_fd < 0) return mount_fd;
    int error = keep(boot, op->strings[0], mount_fd);
    if (error == 0 && fills != 0) error = fill(boot, mount_fd, target, fills == 2);
    if (error == 0 && op->number_count > 3) error = change_mount(mount_fd, op->numbers + 3, op->number_count - 3);
    if (error < 0) {
        close(mount_fd);
        return error;
    }
    return attach(mount_fd, open_target(boot, target, op->numbers[1] != 0, true));
}

int copy_mount(int fd, bool recursive, uint64_t attributes, int userns, bool slave) {
    unsigned depth = recursive ? AT_RECURSIVE : 0;
    int copy = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);
    if (copy < 0) return -errno;
    struct mount_attr change = {.attr_set = attributes, .propagation = slave ? 0 : MS_PRIVATE};
    if (userns != NO_USERNS) {
        change.attr_set |= MOUNT_ATTR_IDMAP;
        change.userns_fd = (uint64_t)userns;
    }
    if (mount_setattr(copy, "", AT_EMPTY_PATH | depth, &change, sizeof change) < 0) {
        int error = -errno;
        close(copy);
        return error;
    }
    return copy;
}

static bool is_directory(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// bind(attributes, IN_ROOT and FOLLOWS_LINKS, recursive, userns, slave, change..., source, target): the source is a
// path of the host; `userns` is the descriptor of the user namespace that maps the ids of its files, or 0.
int op_bind(struct boot *boot, const struct op *op) {
    int source = host_open(op->strings[0], (op->numbers[1] & FOLLOWS_LINKS) != 0);
    if (source < 0) return source;
    int copy = copy_mount(source, op->numbers[2] != 0, op->numbers[0], (int)op->numbers[3], op->numbers[4] != 0);
    int error = copy < 0 ? 0 : change_mount(copy, op->numbers + 5, op->number_count - 5);
    if (error < 0) {
        close(copy);
        copy = error;
    }
    int target =
        copy < 0 ? copy : open_target(boot, op->strings[1], (op->numbers[1] & IN_ROOT) != 0, is_directory(source));
    close(source);
    return attach(copy, target);
}

// image(idmap, target): attaches the mount of the image, which niwad has made, to a directory of the host.
int op_image(struct boot *boot, const struct op *op) {
    (void)boot;
    struct mount_attr change = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = CONTAINER_FD};
    if (op->numbers[0] != 0 && mount_setattr(IMAGE_FD, "", AT_EMPTY_PATH, &change, sizeof change) < 0) return -errno;
    return attach(IMAGE_FD, open_place(op->strings[0]));
}

// Opens the target of a file inside the root, made where it is missing. Follows no link at the end of the path: it may
// lead to a file that does not exist.
static int open_file_place(const struct boot *boot, const char *path) {
    const char *name;
    int parent = root_parent(boot, path, &name);
    if (parent < 0) return parent;
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;
    if (error == -ENOENT) {
        error = root_make(boot, parent, name, S_IFREG | 0644);
        fd = error < 0 ? -1 : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (error == 0 && fd < 0) error = -errno;
    }
    close(parent);
    return error < 0 ? error : fd;
}

// place-file(attributes, needed, source, target): binds a file of the host over the file or link at `target`. If the
// target is missing and cannot be made, that is an error only with `needed`.
int op_place_file(struct boot *boot, const struct op *op) {
    int place = open_file_place(boot, op->strings[1]);
    if (place < 0) return op->numbers[1] != 0 ? place : 0;
    int source = host_open(op->strings[0], false);
    int copy = source < 0 ? source : copy_mount(source, false, op->numbers[0], NO_USERNS, false);
    if (source >= 0) close(source);
    return attach(copy, place);
}

typedef int opener(const struct boot *boot, const char *path);

static int open_in_root(const struct boot *boot, const char *path) {
    return root_open(boot, path, O_PATH);
}

// Opens a path below /proc or /sys by the descriptors that keep() stored. In a root that others write to, /proc may
// have become a link to elsewhere.
static int open_in_kept(const struct boot *boot, const char *path) {
    int kept = strncmp(path, "/proc/", 6) == 0 ? boot->proc : strncmp(path, "/sys/", 5) == 0 ? boot->sys : -1;
    if (kept < 0) return -ENOENT;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, kept, strchr(path + 1, '/') + 1, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

// Mounts over a path; `covered` tells what is mounted. Gives 0 or a negative errno, -ENOENT where there is no such
// path.
static int cover(const struct boot *boot, const char *path, opener *open_path, int (*make)(int path),
                 struct stat *covered) {
    int fd = open_path(boot, path);
    if (fd < 0) return fd;
    int made = make(fd);
    if (made >= 0 && fstat(made, covered) < 0) {
        close(made);
        made = -EIO;
    }
    return attach(made, fd);
}

// Opens a path again, after the mount: another process may have changed it in between (CVE-2025-31133). Gives 0, -EXDEV
// where the path does not lead to what was mounted, or another negative errno.
static int check(const struct boot *boot, const char *path, opener *open_path, bool (*shows)(int fd),
                 const struct stat *covered) {
    int fd = open_path(boot, path);
    if (fd < 0) return fd;
    struct stat status;
    bool is_covered =
        fstat(fd, &status) == 0 && status.st_dev == covered->st_dev && status.st_ino == covered->st_ino && shows(fd);
    close(fd);
    return is_covered ? 0 : -EXDEV;
}

// Covers a path below /proc or /sys, where it exists: what keep() stored, and where the path of the root leads
// elsewhere (a link, another mount), what is there, too. Usually both are one, and one look at the root shows it.
static int protect(const struct boot *boot, const char *path, int (*make)(int path), bool (*shows)(int fd)) {
    struct stat covered = {0};
    int error = cover(boot, path, open_in_kept, make, &covered);
    if (error == 0) {
        if (check(boot, path, open_in_root, shows, &covered) == 0) return 0;
        error = check(boot, path, open_in_kept, shows, &covered);
    }
    if (error < 0 && error != -ENOENT) return error;
    error = cover(boot, path, open_in_root, make, &covered);
    if (error == 0) return check(boot, path, open_in_root, shows, &covered);
    return error == -ENOENT ? 0 : error;
}

static bool is_readonly(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && (status.f_flags & ST_RDONLY) != 0;
}

static bool is_null_device(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

static bool is_masked(int fd) {
    return is_null_device(fd) || (is_directory(fd) && is_readonly(fd));
}

static int readonly_copy(int path) {
    return copy_mount(path, true, MOUNT_ATTR_RDONLY, NO_USERNS, false);
}

// readonly(path): makes the path inside the root read-only, where it exists.
int op_readonly(struct boot *boot, const struct op *op) {
    return protect(boot, op->strings[0], readonly_copy, is_readonly);
}

// Gives a detached mount of the host's /dev/null, or a negative errno. Checks that it is the null device.
static int copy_null_device(void) {
    int device = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (device < 0) return -errno;
    int copy = is_null_device(device)
                   ? copy_mount(device, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, NO_USERNS, false)
                   : -ENODEV;
    close(device);
    return copy;
}

#define OF_MASKS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int mask_for(int path) {
    char *options[] = {"mode=0555", "size=0", "nr_inodes=1"};
    struct new_mount empty = {"tmpfs", "niwa-mask", options, 3, OF_MASKS};
    return is_directory(path) ? new_mount(&empty) : copy_null_device();
}

// mask(path): mounts an empty read-only directory, or /dev/null, over the path inside the root, where it exists.
int op_mask(struct boot *boot, const struct op *op) {
    return protect(boot, op->strings[0], mask_for, is_masked);
}
