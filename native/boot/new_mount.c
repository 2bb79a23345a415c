// Detached mounts of new file systems: by fsopen(2), or where their options are too long for that, by mount(2).
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount.h"
#include "new_mount.h"

#define MOST_OF_FSCONFIG 255
#define PAGE 4096

// Sets one option of a file system: "name" or "name=value".
static int configure(int fs, const char *option) {
    char name[64];
    const char *equals = strchr(option, '=');
    if (equals == NULL) return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0) < 0 ? -errno : 0;
    size_t length = (size_t)(equals - option);
    if (length >= sizeof name) return -ENAMETOOLONG;
    memcpy(name, option, length);
    name[length] = 0;
    return fsconfig(fs, FSCONFIG_SET_STRING, name, equals + 1, 0) < 0 ? -errno : 0;
}

int new_mount(const struct new_mount *wanted) {
    int fs = fsopen(wanted->type, FSOPEN_CLOEXEC);
    if (fs < 0) return -errno;
    int error = fsconfig(fs, FSCONFIG_SET_STRING, "source", wanted->source, 0) < 0 ? -errno : 0;
    for (size_t i = 0; error == 0 && i < wanted->count; i++) error = configure(fs, wanted->options[i]);
    if (error == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) error = -errno;
    int mount_fd = error < 0 ? error : fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)wanted->attributes);
    if (error == 0 && mount_fd < 0) mount_fd = -errno;
    close(fs);
    return mount_fd;
}

bool is_long(const struct new_mount *wanted) {
    bool found = strlen(wanted->source) > MOST_OF_FSCONFIG;
    for (size_t i = 0; i < wanted->count; i++) {
        const char *equals = strchr(wanted->options[i], '=');
        found = found || (equals != NULL && strlen(equals + 1) > MOST_OF_FSCONFIG);
    }
    return found;
}

// Joins the options by commas. Gives 0 or a negative errno: with a comma in an option, mount(2) would take it for two.
static int join(const struct new_mount *wanted, char page[PAGE]) {
    size_t end = 0;
    for (size_t i = 0; i < wanted->count; i++) {
        size_t length = strlen(wanted->options[i]);
        if (strchr(wanted->options[i], ',') != NULL) return -EINVAL;
        if (end + length + 2 > PAGE) return -ENAMETOOLONG;
        if (end > 0) page[end++] = ',';
        memcpy(page + end, wanted->options[i], length);
        end += length;
    }
    page[end] = 0;
    return 0;
}

// Mounts it in the working directory, a stage, and takes the stage away. Gives a descriptor of a detached copy or a
// negative errno.
static int mount_on_stage(const struct new_mount *wanted) {
    char options[PAGE];
    struct mount_attr change = {
        .attr_set = wanted->attributes,
        .attr_clr = MOUNT_ATTR__ATIME,
        .propagation = MS_PRIVATE, // it has that of the stage
    };
    int copy = join(wanted, options);
    if (copy == 0 &&
        (mkdirat(AT_FDCWD, "mount", 0700) < 0 || mount(wanted->source, "mount", wanted->type, 0, options) < 0 ||
         (copy = open_tree(AT_FDCWD, "mount", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)) < 0))
        copy = -errno;
    int error = copy >= 0 && mount_setattr(copy, "", AT_EMPTY_PATH, &change, sizeof change) < 0 ? -errno : 0;
    if (umount2(".", MNT_DETACH) < 0 && error == 0) error = -errno;
    if (copy >= 0 && error < 0) close(copy);
    return copy < 0 ? copy : error < 0 ? error : copy;
}

int new_long_mount(const struct new_mount *wanted, int place) {
    struct new_mount tmpfs = {.type = "tmpfs", .source = "niwa-stage"};
    int stage = new_mount(&tmpfs);
    int error = attach(stage < 0 ? stage : fcntl(stage, F_DUPFD_CLOEXEC, 0), place);
    int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (error == 0 && (before < 0 || fchdir(stage) < 0)) error = -errno;
    int made = error < 0 ? error : mount_on_stage(wanted);
    if (before >= 0 && fchdir(before) < 0 && made >= 0) {
        close(made);
        made = -EIO;
    }
    if (before >= 0) close(before);
    if (stage >= 0) close(stage);
    return made;
}
