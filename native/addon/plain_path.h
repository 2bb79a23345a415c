// Paths of users that can be looked at without waiting for a file system.
#pragma once
#include <cstdint>
#include <string>

// What is known of a path at once. `mount` is the number of its mount, which the kernel never uses again; 0 where the
// kernel has no such numbers (before Linux 6.8).
struct PlainPath {
    bool plain = false;
    uint64_t mount = 0;
};

// Says whether the kernel remembers an absolute path, and no link is on the way to its end. `plain` is also false where
// this cannot be found out without waiting: then somebody has to look who may wait. The path is looked up in the
// kernel's memory alone. Two things are left that reach a file system:
// - After mounts have changed, at most once a second, the table of mounts is read.
// - A directory that is removed in the microsecond between the look and its end is freed here. It is empty, so there is
//   little to free. Other files may be large; a thread closes them.
PlainPath look_at_path(const std::string &path);
