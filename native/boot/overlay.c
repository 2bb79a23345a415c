// An overlay of directories that are gathered on the stage.
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "interpreter.h"

// overlay(attributes, directory, target, options): the kernel resolves the paths of the options itself, as paths. With
// `directory` as the root meanwhile, no link in them leads out of it, and they are short. The options of mount(2) are a
// page; a value of fsconfig(2), at most 255 characters, is too short for many layers. MOUNT_ATTR_* of one bit are the
// same as MS_*.
int op_overlay(struct boot *boot, const struct op *op) {
    (void)boot;
    int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0) return -errno;
    int error = 0;
    if (chdir(op->strings[0]) < 0 || chroot(".") < 0 ||
        mount("overlay", op->strings[1], "overlay", op->numbers[0], op->strings[2]) < 0)
        error = -errno;
    if ((fchdir(host) < 0 || chroot(".") < 0) && error == 0) error = -errno;
    close(host);
    return error;
}
