// Detached mounts and the places they are put onto.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// In the place of the descriptor of a user namespace: the ids of files stay as they are.
#define NO_USERNS 0

// Opens a directory of the stage, in the daemon's view. Gives an O_PATH descriptor or a negative errno.
int open_place(const char *path);

// Takes a detached copy of what `fd` (O_PATH) names, with its submounts where `recursive`, and sets attributes on all
// of it; the host's later mounts reach it only as a `slave`. Gives a descriptor or a negative errno.
int copy_mount(int fd, bool recursive, uint64_t attributes, int userns, bool slave);

// Puts a detached mount onto a target. Owns `mount_fd` and `target`; either may be a negative errno, which is handed
// on. Gives 0 or a negative errno.
int attach(int mount_fd, int target);
