// Paths inside the container's root. Nothing below ever follows a link out of it: the kernel resolves each path with
// RESOLVE_IN_ROOT (openat2(2)), so that an image or a shared volume cannot point an operation at the host's files.
#pragma once
#include <sys/types.h>

#include "interpreter.h"

// Opens what `path` names inside the root with `flags` (O_CLOEXEC is added). Gives a descriptor or a negative errno.
int root_open(const struct boot *boot, const char *path, int flags);

// Makes `path` and its missing parents as directories of `mode` inside the root. An existing directory is left alone.
// Gives an O_PATH descriptor of it or a negative errno.
int root_mkdir(const struct boot *boot, const char *path, mode_t mode);

// Opens the directory that holds `path`, making it where missing, and points `name` at the last part of `path`.
// Gives an O_PATH descriptor or a negative errno.
int root_parent(const struct boot *boot, const char *path, const char **name);

// Makes a directory or an empty file (by the type in `mode`) of the container's root user; what another container has
// made meanwhile in the same root is taken. Gives 0 or a negative errno.
int root_make(const struct boot *boot, int parent, const char *name, mode_t mode);

// Opens a path of the daemon's view with O_PATH and follows no link on the way: it was resolved when it was checked,
// and a link that somebody has put there since is refused (ELOOP). Gives a descriptor or a negative errno.
int host_open(const char *path);
