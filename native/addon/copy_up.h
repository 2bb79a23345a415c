// Copies a file of a layer below, as overlayfs does at the first write: contents, holes, owner, mode, times, and the
// attributes that images have. Functions give 0 or a negative errno.
#pragma once
#include <cstdint>
#include <string>

#include "../core/layers.h"

// Gives an open file or directory the owner, mode, attributes and time of another.
int copy_attributes(int from, int to);

// Removes from an open file or directory the attributes that images have.
int remove_attributes(int fd);

// Copies a file, a symbolic link or a FIFO into a directory, under a name that is free there.
// `budget` is how many bytes it may hold, and goes down: -EFBIG where it holds more.
int copy_up(const Shown &source, int directory, const std::string &name, uint64_t *budget);
