// Detached mounts, and the directories and files that they are attached to.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Instead of the descriptor of a user namespace: the ids of files are not mapped.
#define NO_USERNS 0

// Flags of op_bind(): the target is in the root, the source may be behind links.
enum { IN_ROOT = 1, FOLLOWS_LINKS = 2 };

// Opens a directory of the host, such as the stage where a root is put together. Gives an O_PATH descriptor or a
// negative errno.
int open_place(const char *path);

// Makes a detached copy of the mount of `fd` (O_PATH), with its submounts where `recursive`, and sets attributes on all
// of them. Only with `slave`, mounts that the host makes later appear in the copy. Gives a descriptor or a negative
// errno.
int copy_mount(int fd, bool recursive, uint64_t attributes, int userns, bool slave);

// Attaches a detached mount to a target. Closes both descriptors. Either may be a negative errno, which is then the
// result. Gives 0 or a negative errno.
int attach(int mount_fd, int target);
