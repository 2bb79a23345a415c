// clone3 as vfork: the child shares our memory and descriptors, and our thread waits until the child has executed the
// helper.
#pragma once
#include <cstddef>
#include <cstdint>
#include <sys/types.h>

#include "low_descriptors.h"

// How many user namespaces mounts may have for themselves: 16 of a spec, and that of a caller's ids on disk.
constexpr size_t kMaxMountMaps = 17;

// The helper gets the descriptors below this number; the low numbers of a clone begin here.
constexpr int kFirstLowDescriptor = 6 + static_cast<int>(kMaxMountMaps);

// The program of the first process, niwa-boot.
struct Helper {
    Fd program; // a sealed memfd
    LowDescriptors low;
};

struct CloneRequest {
    uint64_t namespaces = 0; // CLONE_NEW* flags
    int cgroup = -1;         // the directory of the group to be born in
    Helper *helper = nullptr;
    int control = -1;   // becomes descriptor 3
    int container = -1; // becomes descriptor 4, if there is one: a user namespace, or with an exec a pidfd
    int netns = -1;     // a network namespace to be in instead of a new one, if there is one
    int image = -1;     // becomes descriptor 5, if there is one: the mount of an image
    int mount_userns[kMaxMountMaps] = {}; // become descriptors 6, 7, ...
    size_t mount_userns_count = 0;
    int stdio[3] = {-1, -1, -1};
};

// Starts the helper. Gives its pid and sets `pidfd`, or gives a negative errno (of the clone or of the child's exec).
// Blocks: not to be called on the JavaScript thread.
pid_t clone_helper(const CloneRequest &request, int *pidfd);

// Makes a user namespace with the maps `uid_map` and `gid_map`, in the text of user_namespaces(7). It is made by
// `owner`, an id of the host: the kernel counts what is used in it on that user, and gives that user all capabilities
// in it; so `owner` has to be root, or a user that nobody else is. Gives a descriptor that holds it open, or a negative
// errno.
int make_user_namespace(const char *uid_map, const char *gid_map, uid_t owner);
