// Finds what an overlay mount of the layers of an image would show, without mounting it. The paths and the layers come
// from strangers: names are looked up one by one, links are followed inside the layers only.
#pragma once
#include <functional>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "fd.h"

// A directory as the layers show it together.
struct Directory {
    std::string path;      // from the root of the layers on, without a slash before it and without links in it
    std::vector<Fd> parts; // of each layer that has a part in it, topmost first
    bool in_top = false;   // whether the first part is of the topmost layer
};

// A file of a directory, opened with O_PATH, its status, and the index of the part that it is in.
struct Shown {
    Fd place;
    struct stat status;
    size_t part;
};

// Enters the directory of this name; `shown` is null where there is no such name. Gives 0 or a negative errno.
using Enter = std::function<int(const Directory &in, const std::string &name, const Shown *shown, Directory *found)>;

// Whether overlayfs takes this file for a whiteout.
bool is_whiteout(const struct stat &status);

// Marks a directory so that overlayfs shows nothing of the layers below in it. Gives 0 or a negative errno.
int set_opaque(int fd);
bool is_opaque(int fd);

// Both parts of a path; the parent of a name alone is "".
std::string parent_of(const std::string &path);
std::string name_of(const std::string &path);
std::string path_in(const std::string &directory, const std::string &name);

// Finds what the layers show under a name. Gives 0, -ENOENT, -EISDIR for "", "." and "..", -EXDEV for a
// mount, which is not touched, or another negative errno.
int look(const Directory &in, const std::string &name, Shown *shown);

// Gives the directory that the layers show under a name; one without parts where they show none. Gives 0 or a negative
// errno.
int enter(const Directory &in, const std::string &name, Directory *found);

// A limit on the work for one path: how many names are looked up, each in one layer, and how many links are followed
// (as in path_resolution(7)). Without it, links to links in many layers would keep a thread busy for minutes.
struct Effort {
    size_t lookups = 1 << 17;
    int links = 40;
};

// Goes to the directory of a path, through links, and by `enter_next` into each part of it.
// `layers`: descriptors of the layers' roots, topmost first. `effort` goes down. Gives 0 or a negative errno: -ELOOP
// where the effort does not suffice.
int walk(const std::vector<int> &layers, const std::string &path, const Enter &enter_next, Effort *effort,
         Directory *found);

// An Enter that makes no directory: -ENOENT where the name is missing, -ENOTDIR where it is no directory.
int enter_existing(const Directory &in, const std::string &name, const Shown *shown, Directory *found);

// Reads where a link leads. Gives 0 or a negative errno.
int read_link(const Shown &link, std::string *target);

// Reads a file of at most `max_bytes` as the layers show it, through links; with much less effort than for an entry of
// a layer. Gives 0, -ENOENT, -EINVAL for what is no file, -EFBIG, -ELOOP where the effort does not suffice, or another
// negative errno.
int read_in_layers(const std::vector<std::string> &layers, const std::string &path, size_t max_bytes,
                   std::string *text);
