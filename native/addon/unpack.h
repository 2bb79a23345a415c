// Makes the files of an image's layer below a directory. What the layer says is hostile: every path is resolved by the
// kernel with that directory as its root (openat2, RESOLVE_IN_ROOT), so that nothing is made, linked or changed
// outside.
#pragma once
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "fd.h"

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

// Makes an entry and its missing parents; what is in its way is replaced, but for a directory that is not empty. A
// whiteout becomes what overlayfs takes for one (a character device 0:0), an opaque directory gets its attribute. For a
// file gives a descriptor in `file`, open for writing: finish_entry() comes after its bytes. Gives 0 or a negative
// errno.
int make_entry(int root, const LayerEntry &entry, Fd *file);

// Sets owner, mode, extended attributes and times of an open file or directory. Gives 0 or a negative errno.
int finish_entry(int fd, const LayerEntry &entry);

// Sets the time of a directory once nothing more is made in it. Gives 0 or a negative errno.
int set_directory_time(int root, const LayerEntry &entry);

// Reads a file of at most `max_bytes` below a directory that counts as its root. Gives 0, -ENOENT, -ENXIO where a
// whiteout or an opaque directory hides what layers below have at this path, or another negative errno.
int read_in_root(const std::string &directory, const std::string &path, size_t max_bytes, std::string *text);
