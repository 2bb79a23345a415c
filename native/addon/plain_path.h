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

// Says whether the kernel remembers an absolute path, and no link is on the way to its end. No call in here reaches a
// file system, so none waits for one. `plain` is also false where this cannot be found out in this way: then somebody
// has to look who may wait.
PlainPath look_at_path(const std::string &path);
