// Paths inside the container's root. The kernel resolves each path with RESOLVE_IN_ROOT (openat2(2)): a link in an
// image or in a shared volume cannot lead an operation to files of the host.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "interpreter.h"

// Opens `path` inside the root with `flags` (O_CLOEXEC is added). Gives a descriptor or a negative errno.
int root_open(const struct boot *boot, const char *path, int flags);

// Makes `path` and its missing parents as directories of `mode` inside the root. An existing directory is left alone.
// Gives an O_PATH descriptor of it or a negative errno.
int root_mkdir(const struct boot *boot, const char *path, mode_t mode);

// Opens the directory that holds `path`, making it where missing, and points `name` at the last part of `path`.
// Gives an O_PATH descriptor or a negative errno.
int root_parent(const struct boot *boot, const char *path, const char **name);

// Makes a directory or an empty file (by the type in `mode`), owned by the container's root user. No error where it
// exists: another container with the same root may have made it meanwhile. Gives 0 or a negative errno.
int root_make(const struct boot *boot, int parent, const char *name, mode_t mode);

// Closes the directory that mknod and symlink operations share. To be called before any other operation: that may
// change to what the path of the directory leads.
void forget_parent(struct boot *boot);

// Opens a path of the host with O_PATH. Where it does not follow links, they were resolved when the path was checked: a
// link that is there now is new, and is refused (ELOOP). Gives a descriptor or a negative errno.
int host_open(const char *path, bool follows);
