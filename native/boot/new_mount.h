// Detached mounts of new file systems.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is mounted: each option is "name" or "name=value"; the attributes are MOUNT_ATTR_*.
struct new_mount {
    const char *type;
    const char *source;
    char **options;
    size_t count;
    uint64_t attributes;
};

// Makes it by fsconfig(2). Gives a descriptor or a negative errno.
int new_mount(const struct new_mount *wanted);

// Whether the source or a value of an option is longer than fsconfig(2) takes it.
bool is_long(const struct new_mount *wanted);

// Makes it by mount(2), which takes a page of options, and a path: that is in a tmpfs over `place`, an O_PATH
// descriptor of a directory, where no other process reaches it, and which has gone when this returns. Closes `place`,
// which may be a negative errno: it is then the result. Gives a descriptor or a negative errno.
int new_long_mount(const struct new_mount *wanted, int place);
