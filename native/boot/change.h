// Changes of mounts after they were made.
#pragma once
#include <stddef.h>
#include <stdint.h>

// How many numbers of an operation are one change: whether it holds for all mounts below, the attributes to set, those
// to clear, the propagation (MS_PRIVATE ... of mount(2), or 0), and the descriptor of the user namespace that maps the
// ids of files, with MOUNT_ATTR_IDMAP among the attributes to set; see mount_setattr(2).
#define CHANGE_NUMBERS 5

// Makes changes one after another. Gives 0 or a negative errno.
int change_mount(int mount_fd, const uint64_t *numbers, size_t count);
