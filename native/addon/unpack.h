// Makes the files of an image's layer in a directory. The layer comes from a stranger: the kernel resolves every path
// with that directory as the root (openat2, RESOLVE_IN_ROOT), so that nothing is made, linked or changed outside.
#pragma once
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "../core/layers.h"

// One file to be made. `path` and `target` are bytes relative to the layer's root, without "." and ".." in them.
struct LayerEntry {
    enum Kind { kFile, kDirectory, kSymlink, kLink, kFifo, kWhiteout, kOpaque } kind;
    std::string path;
    std::string target; // of a symlink (as it is) or a hard link (a path like `path`)
    mode_t mode;
    uid_t uid;
    gid_t gid;
    int64_t mtime_sec;
    int64_t mtime_nsec;
    std::vector<std::pair<std::string, std::string>> xattrs;
};

// A directory of this layer, and the time that is set when nothing more is made in it.
struct MadeDirectory {
    std::string path; // without links in it
    int64_t mtime_sec;
    int64_t mtime_nsec;
};

// What was made of an entry.
struct Made {
    Fd file;                                // of a file, open for writing: finish_entry() comes after its bytes
    std::vector<MadeDirectory> directories; // that of the entry, and the missing parents that were made
    uint64_t copied_bytes = 0;              // of the target of a hard link, where that was in a layer below
};

// // Gives the empty root of a layer the owner, mode and attributes of the root of the layer below, as for every
// directory that the layer does not name. `layers`: as for make_entry(), opened for reading. Gives 0 or a negative
// errno.
int begin_layer(const std::vector<int> &layers, MadeDirectory *root);

// Makes an entry and its missing parents. Replaces a file that is in the way, but not a directory that is not empty. A
// whiteout becomes a character device 0:0, as overlayfs has it, where the layers below have something to hide; an
// opaque directory gets its attribute. `layers`: descriptors of the roots of this layer and of those below it, topmost
// first. Files are made in this layer only. `max_bytes`: how many bytes may be copied from those below. Gives 0 or a
// negative errno, -EFBIG for more bytes.
int make_entry(const std::vector<int> &layers, const LayerEntry &entry, uint64_t max_bytes, Made *made);

// Sets owner, mode, extended attributes and times of an open file or directory. Gives 0 or a negative errno.
int finish_entry(int fd, const LayerEntry &entry);

// Sets the time of a directory once nothing more is made in it. Gives 0 or a negative errno.
int set_directory_time(int root, const LayerEntry &entry);
