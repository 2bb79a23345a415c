// Changes of mounts: attributes and propagation.
#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "interpreter.h"

int change_mount(int mount_fd, const uint64_t *numbers, size_t count) {
    if (count % CHANGE_NUMBERS != 0) return -EBADMSG;
    for (size_t i = 0; i < count; i += CHANGE_NUMBERS) {
        unsigned depth = numbers[i] != 0 ? AT_RECURSIVE : 0;
        struct mount_attr change = {.attr_set = numbers[i + 1],
                                    .attr_clr = numbers[i + 2],
                                    .propagation = numbers[i + 3],
                                    .userns_fd = numbers[i + 4]};
        if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | depth, &change, sizeof change) < 0) return -errno;
    }
    return 0;
}

// propagation(flags): sets the propagation of the mount at "/" or, with MS_REC, of all mounts.
int op_propagation(struct boot *boot, const struct op *op) {
    (void)boot;
    return mount(NULL, "/", NULL, op->numbers[0], NULL) < 0 ? -errno : 0;
}

// private-above(path): makes the mount that has the path private, so that what is mounted at the path appears nowhere
// else. The kernel gives EINVAL for a path at which nothing is mounted.
int op_private_above(struct boot *boot, const struct op *op) {
    (void)boot;
    char path[PATH_MAX];
    if (op->strings[0][0] != '/' || strlen(op->strings[0]) >= sizeof path) return -EINVAL;
    strcpy(path, op->strings[0]);
    while (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0) {
        if (errno != EINVAL || path[1] == 0) return -errno;
        char *slash = strrchr(path, '/');
        *(slash == path ? slash + 1 : slash) = 0;
    }
    return 0;
}
